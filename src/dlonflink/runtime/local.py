"""A pipeline in this process: no JVM, no SQL. Tutorials, tests, and the oracle that Flink's runs are compared with."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, final

import pyarrow as pa

from dlonflink.connectors.parts import Part
from dlonflink.errors import StoreError
from dlonflink.runtime.base import Progress, Summary, summary
from dlonflink.runtime.directory import RunDirectory
from dlonflink.runtime.watch import WatchedJob
from dlonflink.training.export import Exporter
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.trainer import Trainer

_REPORT = 0.5
"""Seconds between reports."""
_LAST = 0
"""The one version's checkpoint: there are no checkpoints here."""


@final
class LocalJob(WatchedJob):
    """Reads, learns and publishes in a thread of its own."""

    def __init__(
        self,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        plan: TrainingPlan,
        directory: RunDirectory,
        scored: Part | None,
    ) -> None:
        """`scored` takes the scored rows, where the plan asks for them."""
        super().__init__("compiling kernels", directory)
        self._batches = batches
        self._schema = schema
        self._plan = plan
        self._scored = scored
        self._begin()

    def _end(self) -> None:
        if self._scored is not None:
            self._scored.discard()  # what is not finished by now

    def _follow(self) -> Summary | None:
        for path in self._plan.path:
            if path not in sys.path:
                sys.path.insert(0, path)
        run = self._directory.run
        trainer = Trainer(self._plan, self._schema, run=run, attempt=0)
        exporter = Exporter(self._plan.export, run=run, attempt=0)
        due = 0.0
        for batch in self._batches:
            if self._stopping.is_set():
                self._finish_part()
                return None
            self._write(trainer.feed(batch, time.monotonic()))
            if self._watch.seconds >= due:
                self._tell("learning", trainer.report())
                due = self._watch.seconds + _REPORT
        self._write(trainer.finish())
        self._tell("publishing", trainer.report())
        trainer.version = _publish(exporter, trainer)
        self._finish_part()
        report = trainer.final_report()
        result = summary(report, seconds=self._watch.seconds, steady=self._pace.steady(), checkpoints=0, restarts=0)
        self._directory.write_json("summary.json", result.to_json())
        self._tell("finished", report)
        return result

    def _write(self, batches: Sequence[pa.RecordBatch]) -> None:
        if self._scored is not None:
            for batch in batches:
                self._scored.write(batch)

    def _finish_part(self) -> None:
        if self._scored is not None:
            self._scored.finish()

    def _tell(self, phase: str, report: dict[str, Any]) -> None:
        seconds = self._watch.seconds
        before = self._watch.progress
        rate = self._pace.add(seconds, report["rows"]) if report["rows"] != before.rows else before.rows_per_second
        self._watch.update(
            Progress(
                phase=phase,
                seconds=seconds,
                rows=report["rows"],
                rows_per_second=rate,
                metrics=report["metrics"],
                window=report["window"],
                event_time=report["event_time"],
                version=report["version"],
            )
        )


def _publish(exporter: Exporter, trainer: Trainer) -> int | None:
    outcome = exporter.commit(trainer.copy(_LAST), _LAST, last=True, now=time.monotonic())
    if outcome.outcome == "failed":
        raise outcome.error or StoreError(outcome.reason or "the version was not published")
    return outcome.version

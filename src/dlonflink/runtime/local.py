"""A pipeline in this process: no JVM, no SQL. Tutorials, tests, and the oracle that Flink's runs are compared with."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import pyarrow as pa

from dlonflink.connectors.parts import Part
from dlonflink.connectors.refused import Refused
from dlonflink.errors import StoreError
from dlonflink.runtime.base import Progress, Summary, in_flight, received, summary
from dlonflink.runtime.directory import RunDirectory
from dlonflink.runtime.watch import WatchedJob
from dlonflink.training.export import Exporter
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.trainer import Trainer

_REPORT = 0.5
"""Seconds between reports."""
_LAST = 0
"""The one version's checkpoint: there are no checkpoints here."""


@dataclass(frozen=True)
class Kept:
    """What a run leaves beside versions."""

    scored: Part | None
    """Takes the scored rows, where the plan asks for them."""
    refused: Refused | None
    """Takes the bad ones, where the plan keeps them."""


@final
class LocalJob(WatchedJob):
    """Reads, learns and publishes in a thread of its own."""

    def __init__(
        self,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        plan: TrainingPlan,
        directory: RunDirectory,
        kept: Kept,
    ) -> None:
        super().__init__("compiling kernels", directory)
        self._batches = batches
        self._schema = schema
        self._plan = plan
        self._scored = kept.scored
        self._refused = kept.refused
        self._begin()

    def _end(self) -> None:
        if self._scored is not None:
            self._scored.discard()  # what is not finished by now
        if self._refused is not None:
            self._refused.close()

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
            self._write(self._feed(trainer, batch))
            if self._watch.seconds >= due:
                self._tell("learning", self._report(trainer.report()))
                due = self._watch.seconds + _REPORT
        self._write(trainer.finish())
        self._tell("publishing", self._report(trainer.report()))
        trainer.version = _publish(exporter, trainer)
        self._finish_part()
        report = self._report(trainer.final_report())
        result = summary(report, seconds=self._watch.seconds, steady=self._pace.steady(), checkpoints=0, restarts=0)
        self._directory.write_json("summary.json", result.to_json())
        self._tell("finished", report)
        return result

    def _feed(self, trainer: Trainer, batch: pa.RecordBatch) -> list[pa.RecordBatch]:
        try:
            return trainer.feed(batch, time.monotonic())
        finally:
            if self._refused is not None:
                self._refused.write(trainer.rejects())

    def _report(self, report: dict[str, Any]) -> dict[str, Any]:
        """With the bad rows of text, of which the trainer knows nothing."""
        unread = self._refused.rejected if self._refused else 0
        return {**report, **{part: report[part] + unread for part in ("rejected", "received")}}

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
                rejected=report["rejected"],
                received=received(report),
                in_flight=in_flight(report),
            )
        )


def _publish(exporter: Exporter, trainer: Trainer) -> int | None:
    outcome = exporter.commit(trainer.copy(_LAST), _LAST, last=True, now=time.monotonic())
    if outcome.outcome == "failed":
        raise outcome.error or StoreError(outcome.reason or "the version was not published")
    return outcome.version

"""Trains one learner on a stream, and keeps its state one: the local runtime and the worker both drive this."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, final

import pyarrow as pa

from dlonflink.embedding.tables import Tables
from dlonflink.errors import SchemaError
from dlonflink.evaluation.evaluator import Evaluator
from dlonflink.evaluation.windows import iso
from dlonflink.features.encode import Encoder
from dlonflink.features.spec import FeatureSpec
from dlonflink.learners.base import Inputs
from dlonflink.learners.build import build
from dlonflink.learners.settings import FM, Logistic
from dlonflink.settings import milliseconds
from dlonflink.store.manifest import Origin
from dlonflink.training.batcher import Batcher
from dlonflink.training.effort import Effort
from dlonflink.training.judge import Judge
from dlonflink.training.scored import ScoredRows
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.state import Copy, Restored, State
from dlonflink.training.step import Step


@final
class Trainer:
    """Built once for each attempt, then restored or not, then fed; one call at a time, from one thread.

    Reads no clock: `now` is what the caller's says, in seconds, of any origin. In deterministic mode it is not looked
    at, and then everything (scores, figures, state) depends on the rows and their order alone, bit for bit, however
    they are cut into batches and wherever copies are taken and restored.
    """

    def __init__(self, plan: TrainingPlan, schema: pa.Schema, *, run: str, attempt: int) -> None:
        """`schema`: that of every batch.

        Raises SchemaError when it lacks a column, LearnerError when the learner cannot be built, PipelineError when
        names collide.
        """
        _need_columns(plan, schema)
        self._plan = plan
        self._schema = schema
        self._run = run
        self._attempt = attempt
        spec = FeatureSpec.of(plan.features, schema)
        encoder = Encoder(spec)
        tables = Tables(plan.embedding, plan.learner.seed)
        inputs = Inputs(
            features=encoder.features,
            lists=encoder.lists,
            dense=encoder.dense,
            columns=len(plan.features),
            labels=len(plan.labels),
            tables=tables,
            seed=plan.learner.seed,
        )
        learner = build(plan.learner, inputs)
        self._tables = tables
        self._judge = Judge(plan, run=run, attempt=attempt)
        self._evaluator = Evaluator(plan.evaluation, tuple(label.column for label in plan.labels))
        self._step = Step(plan, encoder, learner, self._evaluator)
        self._state = State(plan, spec, learner, tables, self._evaluator)
        # A row-by-row learner does not care where batches are cut, so none of its rows ever waits.
        self._batcher = None if learner.row_by_row else _batcher(plan)
        self._scored = ScoredRows(plan, schema, run=run, attempt=attempt) if plan.scored else None
        self.version: int | None = None
        """The newest version this run has published, as far as the driver has told."""

    @property
    def held(self) -> int:
        """Rows that wait for their batch to fill."""
        return self._batcher.held if self._batcher else 0

    @property
    def taken(self) -> int:
        """Good rows that came since the beginning of the stream, learned or waiting."""
        return self.rows + self.held

    @property
    def received(self) -> int:
        """Rows that came since the beginning of the stream, over restores: learned, waiting or rejected."""
        return self._judge.received

    @property
    def rows(self) -> int:
        """Rows learned since the beginning of the stream, over restores."""
        return self._evaluator.rows

    @property
    def effort(self) -> Effort:
        """What this attempt's learning has cost so far."""
        return self._step.effort

    def restore(self, data: bytes) -> Restored:
        """Goes on from the bytes of a snapshot, whose digest the caller has checked. Before the first `feed`.

        Raises CorruptionError when they are none, ResumeError when they are of another pipeline or release.
        """
        restored = self._state.restore(data)
        if self._batcher:
            self._batcher.restore(restored.waiting, self._schema)
        self._judge.restore(restored.judged)
        self.version = restored.version
        return restored

    def feed(
        self, batch: pa.RecordBatch, now: float, unreadable: Mapping[int, str] = MappingProxyType({})
    ) -> list[pa.RecordBatch]:
        """Learns what can be learned now. Gives the scored rows of it in stream order, if the plan asks for them.

        `unreadable`: rows with a text that is not UTF-8 -> its column. Raises DataError for a bad row where the plan
        keeps no rejects, TooManyRejects, LearnerError when the learner fails. The trainer is then of no further use.
        """
        good = self._judge.good(batch, unreadable)
        if not self._batcher:
            return self._take([good] if good.num_rows else [])
        return self._take(self._batcher.add(good, now))

    def rejects(self) -> pa.RecordBatch | None:
        """Bad rows since the last call, as `connectors.rejects.SCHEMA`, in stream order."""
        return self._judge.take()

    def due(self) -> float | None:
        """When `tick` must be called, on the clock of `feed`; None: not before the next feed."""
        return self._batcher.due() if self._batcher else None

    def tick(self, now: float) -> list[pa.RecordBatch]:
        """Learns the waiting rows if they have waited long enough. As `feed`."""
        return self._take(self._batcher.tick(now) if self._batcher else [])

    def finish(self) -> list[pa.RecordBatch]:
        """The stream is over: learns the rows that still wait. As `feed`."""
        return self._take(self._batcher.rest() if self._batcher else [])

    def copy(self, checkpoint: int) -> Copy:
        """The state now; the stream may go on, with a `sweep` after each feed and while no rows come, until the copy is
        whole. It is read in any thread, which waits for that; in this one, the rest is done at once. No I/O.
        """
        origin = Origin(
            name=self._plan.name,
            run=self._run,
            attempt=self._attempt,
            checkpoint=checkpoint,
            rows=self._evaluator.rows,
            event_time=self._event_times(),
            metrics={**self._evaluator.totals()},
        )
        waiting = self._batcher.snapshot() if self._batcher else b""
        return self._state.copy(origin, waiting=waiting, judged=self._judge.snapshot(), version=self.version)

    def expect_copies(self) -> None:
        """`copy` will be called while the stream runs: its memory is made ready from now on."""
        self._tables.expect_copies()

    def sweep(self) -> bool:
        """A few milliseconds' work on the copy under way; whether there is more."""
        return self._tables.sweep()

    def drop(self, copy: Copy) -> None:
        """No more work on this copy; who waits for it goes on."""
        self._tables.drop(copy.table)

    def report(self) -> dict[str, Any]:
        """How it stands, JSON-able: rows learned, rows that came (`received`: learned, rejected, or waiting for their
        batch), figures over all of them (`metrics`) and over the newest window (`window`), event time of the newest row
        (ISO 8601, and ms UTC), rows of the tables, version. An undefined figure is None. Each number is a metric on
        Flink (docs/metrics.md).
        """
        times = self._event_times()
        return {
            "rows": self._evaluator.rows,
            "metrics": _defined(self._evaluator.totals()),
            "window": _defined(self._evaluator.current()),
            "event_time": iso(times[1]) if times else None,
            "event_time_millis": times[1] if times else None,
            "table_rows": self._tables.size,
            "version": self.version,
            "rejected": self._judge.rejected,
            "received": self._judge.received,
        }

    def final_report(self) -> dict[str, Any]:
        """`report` with every window and the digest of the state; takes as long as reading all of it once."""
        return {**self.report(), "windows": self._evaluator.windows(), "state_digest": self.state_digest()}

    def state_digest(self) -> str:
        """SHA-256 over the learner's state: arrays in the order of their names, then tables in that of their keys."""
        return self._state.digest()

    def _event_times(self) -> tuple[int, int] | None:
        first, last = self._evaluator.first_event_time, self._evaluator.last_event_time
        if self._plan.event_time is None or first is None or last is None:
            return None
        return first, last

    def _take(self, batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        scored: list[pa.RecordBatch] = []
        for rows in batches:
            scores, truth = self._step.take(rows)
            if self._scored:
                scored.append(self._scored.of(rows, scores, truth, self.version))
        return scored


def _need_columns(plan: TrainingPlan, schema: pa.Schema) -> None:
    """What is read beside the features, which look for their own. Raises SchemaError."""
    wanted = {
        "label": [label.column for label in plan.labels],
        "label.weight": [label.weight for label in plan.labels if label.weight],
        "source.event_time": [plan.event_time] if plan.event_time else [],
        "source.key": plan.key,
    }
    for place, columns in wanted.items():
        for column in columns:
            if column not in schema.names:
                close = difflib.get_close_matches(column, schema.names, 1)
                raise SchemaError(
                    f"the source has no column {column!r}",
                    where=place,
                    expected=f"one of {', '.join(schema.names)}",
                    fix=f"did you mean {close[0]!r}?" if close else "name a column of the source or of its query",
                )


def _batcher(plan: TrainingPlan) -> Batcher:
    # These have no batch, for they are row by row.
    assert not isinstance(plan.learner, Logistic | FM)
    max_wait = None if plan.deterministic else milliseconds(plan.learner.max_wait) / 1000
    return Batcher(plan.learner.batch, max_wait)


def _defined(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in figures.items()}

"""Compiles what a plan needs before the first row comes, once for all processes of the machine.

Kernels are cached on the disk, but two processes that start together would both compile. So whoever compiles holds a
file lock: the client's compiler, which runs while the JVM starts, and the worker, which then finds everything done.
"""

from __future__ import annotations

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from typing import final

import numpy as np
import pyarrow as pa

from dlonflink import failpoints
from dlonflink.connectors.values import schema_of
from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.kernel import cache_directory
from dlonflink.learners.adam import Adam
from dlonflink.learners.base import Inputs, Learner, Snapshot
from dlonflink.learners.deep import Core
from dlonflink.learners.settings import Custom, DeepFM, LearnerSettings, user_code
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.trainer import Trainer

_ROWS = 2


def warm(plan: TrainingPlan, schema: pa.Schema) -> None:
    """Trains a throw-away trainer on two rows of `schema`. Of what the user wrote, and what runs in a framework,
    only the tables are used.
    """
    dry = plan.model_copy(update={"export": None})
    dry = dry.model_copy(update={"learner": _stand_in(plan.learner)})
    with _compiling(), failpoints.rehearsing():
        trainer = Trainer(dry, schema, run="", attempt=0)
        for _ in range(2):
            trainer.feed(_rows(plan, schema), 0.0)
            trainer.finish()
            trainer.copy(0)  # the second time rows are learned while a copy is under way
        trainer.sweep()


def likely_schemas(plan: TrainingPlan) -> tuple[pa.Schema, ...]:
    """What the rows may look like, where only the plan is known: IDs as text, and IDs as integers."""
    if plan.input.columns:
        return (schema_of(plan.input.columns),)
    numbers = {one.column for one in plan.features.all_dense()}
    buckets = {one.column for one in plan.features.all_hashed() if one.bucket}
    weights = {one.weight for one in plan.labels if one.weight}
    labels = {one.column for one in plan.labels}

    def type_of(column: str, ids: pa.DataType) -> pa.DataType:
        if column == plan.event_time:
            return pa.timestamp("ms")
        if column in numbers | weights:
            return pa.float64()
        return pa.int32() if column in labels else pa.int64() if column in buckets else ids

    own = [plan.event_time] if plan.event_time else []
    columns = dict.fromkeys([*plan.features.columns(), *sorted(labels | weights), *plan.key, *own])
    return tuple(pa.schema([(name, type_of(name, ids)) for name in columns]) for ids in (pa.utf8(), pa.int64()))


def _stand_in(learner: LearnerSettings) -> LearnerSettings:
    """Runs the same kernels, but neither a user's code nor a framework, which takes seconds to load."""
    if isinstance(learner, DeepFM):
        arguments = {"dim": learner.dim, "rates": learner.rates}
        return Custom.model_validate({"type": f"{__name__}:{_Shallow.__name__}", **arguments})
    return Custom(type=f"{__name__}:{_Toucher.__name__}") if user_code(learner) else learner


class _Toucher(Learner):
    """Reads and steps its tables, as a learner of one's own would."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs

    def predict(self, batch: Batch) -> Float:
        self._inputs.tables.lookup(batch)
        return np.full((batch.size, self._inputs.labels), 0.5, np.float32)

    def learn(self, batch: Batch, truth: Truth) -> Float:  # noqa: ARG002 - it learns nothing
        scores = self.predict(batch)
        self._inputs.tables.apply(batch, np.zeros_like(self._inputs.tables.gather(batch)))
        return scores

    def snapshot(self) -> Snapshot:
        return Snapshot(weights={})

    def restore(self, snapshot: Snapshot) -> None:
        pass


@final
class _Shallow(_Toucher):
    """DeepFM with nothing in the perceptron's place."""

    def __init__(self, inputs: Inputs, dim: int, rates: tuple[float, ...]) -> None:
        super().__init__(inputs)
        self._core = Core(inputs, dim, rates)

    def predict(self, batch: Batch) -> Float:
        deep = self._core.look(batch)
        return self._core.run(deep, deep.pairs)[0]

    def learn(self, batch: Batch, truth: Truth) -> Float:
        deep = self._core.take(batch, truth)
        scores, errors = self._core.run(deep, deep.pairs)
        self._core.step(deep, errors, np.zeros_like(deep.seen), np.float32(1))
        Adam({"layer": np.zeros(1, np.float32)}, lr=1e-3).step({"layer": np.zeros(1, np.float32)})
        return scores


def _rows(plan: TrainingPlan, schema: pa.Schema) -> pa.RecordBatch:
    labels = {label.column for label in plan.labels}
    columns = [_column(field.type, like_label=field.name in labels) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(kind: pa.DataType, *, like_label: bool) -> pa.Array:
    """Values where text can be read as one, or a count as a time; else NULLs."""
    texts = pa.array(["0", "1"] if like_label else ["1"] * _ROWS, pa.utf8())
    counts = pa.array([0] * _ROWS, pa.int32() if pa.types.is_date32(kind) or pa.types.is_time32(kind) else pa.int64())
    try:
        return (counts if pa.types.is_temporal(kind) else texts).cast(kind)
    except pa.ArrowException:
        return pa.nulls(_ROWS, kind)


@contextmanager
def _compiling() -> Generator[None]:
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed, or its process gone
        yield

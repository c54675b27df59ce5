"""Scored rows: what the stream gives back for each row, before it was learned."""

from __future__ import annotations

from typing import final

import numpy as np
import pyarrow as pa

from dlonflink.errors import PipelineError
from dlonflink.features.batch import Float, Truth
from dlonflink.training.settings import TrainingPlan


def scored_schema(plan: TrainingPlan, schema: pa.Schema) -> pa.Schema:
    """The key columns as they come, then label, score, version (the newest published one; NULL before the first), run
    and attempt. With several labels: `label_<column>` and `score_<column>` of each.

    `schema` is that of the rows. Raises PipelineError when a key column has one of these names.
    """
    ends = [""] if len(plan.labels) == 1 else [f"_{label.column}" for label in plan.labels]
    own = [
        *(pa.field(f"{name}{end}", pa.float32()) for end in ends for name in ("label", "score")),
        pa.field("version", pa.int64()),
        pa.field("run", pa.utf8()),
        pa.field("attempt", pa.int32()),
    ]
    taken = {field.name for field in own} & set(plan.key)
    if taken:
        raise PipelineError(
            f"the key column {min(taken)!r} has the name of a column that scored rows add",
            where="source.key",
            expected=f"a name other than {', '.join(field.name for field in own)}",
            fix="rename it in source.query, or leave it out of the key",
        )
    return pa.schema([*(schema.field(name) for name in plan.key), *own])


@final
class ScoredRows:
    """Makes them. `schema` as `scored_schema` gives it."""

    def __init__(self, plan: TrainingPlan, schema: pa.Schema, *, run: str, attempt: int) -> None:
        self._key = list(plan.key)
        self._schema = scored_schema(plan, schema)
        self._run = pa.scalar(run, pa.utf8())
        self._attempt = pa.scalar(attempt, pa.int32())

    def of(self, batch: pa.RecordBatch, scores: Float, truth: Truth, version: int | None) -> pa.RecordBatch:
        """`scores` [rows, labels] of `batch`, which is not copied."""
        size = batch.num_rows
        figures = [
            pa.array(np.ascontiguousarray(column[:, label]))
            for label in range(scores.shape[1])
            for column in (truth.labels, scores)
        ]
        rest = [pa.scalar(version, pa.int64()), self._run, self._attempt]
        columns = [*(batch.column(name) for name in self._key), *figures, *(pa.repeat(one, size) for one in rest)]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

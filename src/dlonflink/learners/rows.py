"""A batch as the compiled learners' kernels read it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlonflink.embedding.index import Numbers
from dlonflink.embedding.index import Rows as TableRows
from dlonflink.embedding.local import LocalTable
from dlonflink.features.batch import Batch, Float, Ids, Truth
from dlonflink.kernel import kernel, plain


class Rows(NamedTuple):
    """Rows in stream order. Row r has the IDs offsets[r] ... offsets[r + 1] - 1, each once."""

    ids: Ids  # [n]
    table: TableRows  # [n] their rows in the table
    values: Float | None  # [n]; None: all are 1
    offsets: Numbers  # [size + 1]
    labels: Float  # [size]
    weights: Float  # [size]; 0: this row is scored and nothing else
    longest: int  # IDs of the row that has most


def to_score(batch: Batch, table: LocalTable) -> Rows:
    """All weights 0: what learns, scores, so that a prediction has the bits that learning would have returned."""
    nothing = np.zeros(batch.size, np.float32)
    return _rows(batch, table.rows(batch.bag.ids), nothing, nothing)


def to_learn(batch: Batch, truth: Truth, table: LocalTable) -> Rows:
    """One label. IDs of rows that carry it (weight not 0) are inserted."""
    labels, weights = plain(truth.labels[:, 0]), plain(truth.weights[:, 0])
    rows = table.upsert(batch.bag.ids, _offsets(batch), batch.event_time, weights)
    return _rows(batch, rows, labels, weights)


def _rows(batch: Batch, table: TableRows, labels: Float, weights: Float) -> Rows:
    bag, offsets = batch.bag, _offsets(batch)
    values = None if bag.values is None else plain(bag.values)
    longest = bag.width if bag.offsets is None else int(np.diff(offsets).max(initial=0))
    return Rows(plain(bag.ids), table, values, offsets, labels, weights, longest)


def _offsets(batch: Batch) -> Numbers:
    if batch.bag.offsets is None:
        return np.arange(batch.size + 1, dtype=np.int64) * batch.bag.width
    return plain(batch.bag.offsets)


@kernel
def value_at(values: Float | None, at: int) -> np.float32:
    """The value of an ID; where all are 1 the compiler sees a constant."""
    if values is None:
        return np.float32(1)
    return values[at]

"""A batch as the compiled learners' kernels read it."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.index import Numbers
from dlonflink.embedding.index import Rows as TableRows
from dlonflink.embedding.local import LocalTable
from dlonflink.features.batch import Batch, Float, Ids, Truth
from dlonflink.kernel import kernel

T = TypeVar("T", bound=np.generic)


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
    ids = _plain(batch.bag.ids)
    return _rows(batch, table.rows(ids), nothing, nothing)


def to_learn(batch: Batch, truth: Truth, table: LocalTable) -> Rows:
    """One label. IDs of rows that carry it (weight not 0) are inserted."""
    labels, weights = _plain(truth.labels[:, 0]), _plain(truth.weights[:, 0])
    ids = _plain(batch.bag.ids)
    rows = table.upsert(ids, _offsets(batch), _plain(batch.event_time), weights)
    return _rows(batch, rows, labels, weights)


def _rows(batch: Batch, table: TableRows, labels: Float, weights: Float) -> Rows:
    bag, offsets = batch.bag, _offsets(batch)
    values = None if bag.values is None else _plain(bag.values)
    longest = bag.width if bag.offsets is None else int(np.diff(offsets).max(initial=0))
    return Rows(_plain(bag.ids), table, values, offsets, labels, weights, longest)


def _offsets(batch: Batch) -> Numbers:
    if batch.bag.offsets is None:
        return np.arange(batch.size + 1, dtype=np.int64) * batch.bag.width
    return _plain(batch.bag.offsets)


def _plain(array: NDArray[T]) -> NDArray[T]:
    """Contiguous and writable. Numba compiles a kernel anew for read-only arrays; a copy costs less."""
    return np.require(array, requirements=("C", "W"))


@kernel
def value_at(values: Float | None, at: int) -> np.float32:
    """The value of an ID; where all are 1 the compiler sees a constant."""
    if values is None:
        return np.float32(1)
    return values[at]

"""What a learner sees of the stream: encoded rows, and what came true of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Ids = NDArray[np.uint64]
Times = NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """IDs of one ARRAY column: row i has `values[offsets[i]:offsets[i + 1]]`."""

    values: Ids
    offsets: NDArray[np.int64]
    pooling: Literal["sum", "mean"] = "sum"
    """How the column says that a row's list becomes one; who wants the sequence leaves it alone."""


@dataclass(frozen=True)
class Bag:
    """The distinct IDs of each row, every column together: what a linear or factorized score sums over.

    An ID that a row has more than once (columns that share a vocabulary, lists) stands once, with its values added.
    Where `offsets` is None every row has `width` IDs: row i has `ids[i * width:(i + 1) * width]`, else row i has
    `ids[offsets[i]:offsets[i + 1]]`. Where `values` is None every value is 1.
    """

    ids: Ids  # [n]
    values: Float | None  # [n]: 1 for a single ID, 1 or 1 / length for a pooled list, the number for a dense column
    offsets: NDArray[np.int64] | None  # [size + 1]
    width: int


@dataclass(frozen=True)
class Batch:
    """Encoded rows, in stream order. Arrays are read only and valid until the call they are given to returns."""

    size: int
    ids: Ids  # [size, features]: hashed and crossed single values, in the order of Inputs.features
    lists: Mapping[str, Ragged]  # ARRAY columns by feature name
    dense: Float  # [size, dense features]
    event_time: Times  # [size] ms UTC; the only clock a learner, table or metric may read; 0 where none is declared
    bag: Bag

    def __len__(self) -> int:
        return self.size

    def pick(self, rows: NDArray[np.int64]) -> Batch:
        """These rows, in this order."""
        bag = self.bag
        if bag.offsets is None:
            offsets = np.arange(self.size + 1, dtype=np.int64) * bag.width
            at, _ = _segments(offsets, rows)
            ends = None
        else:
            at, ends = _segments(bag.offsets, rows)
        lists: dict[str, Ragged] = {}
        for name, one in self.lists.items():
            inside, offsets = _segments(one.offsets, rows)
            lists[name] = Ragged(one.values[inside], offsets, one.pooling)
        values = None if bag.values is None else bag.values[at]
        return Batch(
            size=len(rows),
            ids=self.ids[rows],
            lists=lists,
            dense=self.dense[rows],
            event_time=self.event_time[rows],
            bag=Bag(bag.ids[at], values, ends, bag.width),
        )


@dataclass(frozen=True)
class Truth:
    """What came true: one column for each declared label. Weight 0: this row does not carry this label."""

    labels: Float  # [size, labels]
    weights: Float  # [size, labels]

    def pick(self, rows: NDArray[np.int64]) -> Truth:
        return Truth(self.labels[rows], self.weights[rows])


def _segments(offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of what `offsets` cuts out for `rows`, and the offsets of the result."""
    lengths = offsets[rows + 1] - offsets[rows]
    ends = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    positions = np.arange(ends[-1], dtype=np.int64)
    return positions + np.repeat(offsets[rows] - ends[:-1], lengths), ends

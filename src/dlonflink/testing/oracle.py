"""A learner that knows which rows it has learned: what a fault has lost, or made it learn twice, are exact numbers.

    features=Features(dense=[Dense(column="id")]), learner=Custom(type="dlonflink.testing.oracle:Oracle", ids=30_001)

Its only input is the row's number, below `ids` and at most 2^24, as the one dense column. It scores 0 a row that it has
never seen, and 1 any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.learners.base import Inputs, Learner, Snapshot
from dlonflink.store.store import Store

_STEP = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's: odd, so that places differ modulo 2^64
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@final
class Oracle(Learner):
    """Counts each row, and sums a hash of each row and its place, so that another order is another state."""

    row_by_row = True

    def __init__(self, inputs: Inputs, ids: int) -> None:
        if inputs.dense != 1:
            raise ValueError(f"the oracle takes the row's number as its one dense column, not {inputs.dense}")
        self._counts = np.zeros(ids, np.int64)
        self._rows = 0
        self._order = np.uint64(0)

    def predict(self, batch: Batch) -> Float:
        return (self._counts[_numbers(batch)] > 0).astype(np.float32)[:, None]

    def learn(self, batch: Batch, truth: Truth) -> Float:
        del truth  # which rows came is all it asks
        numbers = _numbers(batch)
        seen = self._counts[numbers] > 0
        # The same number twice in one batch: seen, from its second row on.
        _, first = np.unique(numbers, return_index=True)
        again = np.ones(len(batch), np.bool_)
        again[first] = False
        np.add.at(self._counts, numbers, 1)
        places = np.arange(self._rows, self._rows + len(batch), dtype=np.uint64)
        hashed = (numbers.astype(np.uint64) + np.uint64(1)) * _MIX ^ places * _STEP
        self._order += np.sum(hashed * (hashed >> np.uint64(29) | np.uint64(1)), dtype=np.uint64)
        self._rows += len(batch)
        return (seen | again).astype(np.float32)[:, None]

    def snapshot(self) -> Snapshot:
        return Snapshot(
            weights={"counts": self._counts},
            training={"rows": np.array([self._rows]), "order": np.array([self._order])},
        )

    def restore(self, snapshot: Snapshot) -> None:
        self._counts = snapshot.weights["counts"].copy()
        if snapshot.training:
            self._rows = int(snapshot.training["rows"][0])
            self._order = np.uint64(snapshot.training["order"][0])


@dataclass(frozen=True)
class Verdict:
    """Numbers of rows."""

    lost: int
    twice: int


def verdict(store: str, ids: Iterable[int]) -> Verdict:
    """What the newest version in `store`, of an oracle, says of the rows that there were."""
    versions = Store(store)
    counts: NDArray[np.int64] = versions.read(versions.versions()[0]).weights["counts"]
    there = np.zeros(len(counts), np.int64)
    np.add.at(there, np.fromiter(ids, np.int64), 1)
    return Verdict(int(np.maximum(there - counts, 0).sum()), int(np.maximum(counts - there, 0).sum()))


def _numbers(batch: Batch) -> NDArray[np.int64]:
    return batch.dense[:, 0].astype(np.int64)

"""Learners that know which rows they have learned: what a fault has lost, or made them learn twice, are exact numbers.

Oracle: counts rows, and nothing else. Its only input is the row's number, below `ids` and at most 2^24, as the one
dense column. It scores 0 a row that it has never seen, and 1 any other.

    features=Features(dense=[Dense(column="id")]), learner=Custom(type="dlonflink.testing.oracle:Oracle", ids=30_001)

Witness: a factorization machine that learns from the features, and counts rows beside it, so that one run tells of
rows, weights and figures. The row's number, below `ids`, is its event time in seconds.

    source=SqlSource(..., event_time="ts"), learner=Custom(type="dlonflink.testing.oracle:Witness", ids=30_001)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.learners.base import Inputs, Learner, Snapshot
from dlonflink.learners.fm import FMLearner
from dlonflink.store.store import Store

_STEP = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's: odd, so that places differ modulo 2^64
_MIX = np.uint64(0xBF58476D1CE4E5B9)

_COUNTS = "counts"
_ORDER = "order"


@final
class _Ledger:
    """Counts each row, and sums a hash of each row and its place, so that another order is another state."""

    def __init__(self, ids: int) -> None:
        self.counts = np.zeros(ids, np.int64)
        self._order = np.zeros(2, np.uint64)  # rows, the sum

    def enter(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each has been here before."""
        seen = self.counts[numbers] > 0
        # The same number twice in one batch: seen, from its second row on.
        _, first = np.unique(numbers, return_index=True)
        again = np.ones(len(numbers), np.bool_)
        again[first] = False
        np.add.at(self.counts, numbers, 1)
        places = self._order[0] + np.arange(len(numbers), dtype=np.uint64)
        hashed = (numbers.astype(np.uint64) + np.uint64(1)) * _MIX ^ places * _STEP
        self._order[:1] += np.uint64(len(numbers))
        self._order[1:] += np.sum(hashed * (hashed >> np.uint64(29) | np.uint64(1)), dtype=np.uint64)
        return seen | again

    def snapshot(self) -> Snapshot:
        return Snapshot(weights={_COUNTS: self.counts}, training={_ORDER: self._order})

    def restore(self, snapshot: Snapshot) -> None:
        self.counts = snapshot.weights[_COUNTS].copy()
        if snapshot.training:
            self._order = snapshot.training[_ORDER].copy()


@final
class Oracle(Learner):
    """Row by row: none of its rows ever waits."""

    row_by_row = True

    def __init__(self, inputs: Inputs, ids: int) -> None:
        if inputs.dense != 1:
            raise ValueError(f"the oracle takes the row's number as its one dense column, not {inputs.dense}")
        self._ledger = _Ledger(ids)

    def predict(self, batch: Batch) -> Float:
        return _scores(self._ledger.counts[self._numbers(batch)] > 0)

    def learn(self, batch: Batch, truth: Truth) -> Float:
        del truth  # which rows came is all it asks
        return _scores(self._ledger.enter(self._numbers(batch)))

    def snapshot(self) -> Snapshot:
        return self._ledger.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        self._ledger.restore(snapshot)

    @staticmethod
    def _numbers(batch: Batch) -> NDArray[np.int64]:
        return batch.dense[:, 0].astype(np.int64)


@final
class Witness(Learner):
    """In batches, so that rows wait for theirs and are part of snapshots; yet its result hangs on no batch's size."""

    rolling = True

    def __init__(self, inputs: Inputs, ids: int) -> None:
        self._model = FMLearner(inputs, dim=4)
        self._ledger = _Ledger(ids)

    def predict(self, batch: Batch) -> Float:
        return self._model.predict(batch)

    def learn(self, batch: Batch, truth: Truth) -> Float:
        self._ledger.enter(batch.event_time // 1000)
        return self._model.learn(batch, truth)

    def snapshot(self) -> Snapshot:
        model, ledger = self._model.snapshot(), self._ledger.snapshot()
        return Snapshot({**model.weights, **ledger.weights}, {**model.training, **ledger.training})

    def restore(self, snapshot: Snapshot) -> None:
        self._ledger.restore(snapshot)
        self._model.restore(snapshot)


@dataclass(frozen=True)
class Verdict:
    """Numbers of rows."""

    lost: int
    twice: int


def verdict(store: str, ids: Iterable[int]) -> Verdict:
    """What the newest version in `store`, of one of these learners, says of the rows that there were."""
    versions = Store(store)
    return judge(versions.read(versions.versions()[0]).weights[_COUNTS], ids)


def judge(counts: NDArray[np.int64], ids: Iterable[int]) -> Verdict:
    """`counts`: how often each row, by its number, was learned."""
    there = np.zeros(len(counts), np.int64)
    np.add.at(there, np.fromiter(ids, np.int64), 1)
    return Verdict(int(np.maximum(there - counts, 0).sum()), int(np.maximum(counts - there, 0).sum()))


def _scores(seen: NDArray[Any]) -> Float:
    return seen.astype(np.float32)[:, None]

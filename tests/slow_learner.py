"""A learner that takes its time, for tests of back-pressure: it waits, as one does that asks another machine."""

from __future__ import annotations

import time

import numpy as np

from dlonflink import Batch, Inputs, Learner, Snapshot, Truth
from dlonflink.testing.oracle import Oracle


class Slow(Learner):
    """Counts rows as the oracle does, keeps a row of the table for each ID, and learns `rate` rows a second."""

    row_by_row = True

    def __init__(self, inputs: Inputs, ids: int, rate: float) -> None:
        self.oracle = Oracle(inputs, ids)
        self.tables = inputs.tables
        self.rate = rate

    def predict(self, batch: Batch) -> np.ndarray:
        return self.oracle.predict(batch)

    def learn(self, batch: Batch, truth: Truth) -> np.ndarray:
        self.tables.apply(batch, np.ones_like(self.tables.gather(batch)))
        time.sleep(len(batch) / self.rate)
        return self.oracle.learn(batch, truth)

    def snapshot(self) -> Snapshot:
        return self.oracle.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        self.oracle.restore(snapshot)

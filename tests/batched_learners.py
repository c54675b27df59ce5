"""Learners of a user's own, batch by batch: one that learns, and some that misbehave."""

from __future__ import annotations

import threading

import numpy as np

from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.learners.base import Inputs, Learner, Snapshot


class Perceptron(Learner):
    """Logistic regression over the embedding table, with momentum on the bias so that `training` is not empty."""

    def __init__(self, inputs: Inputs, rate: float = 0.1) -> None:
        self.tables, self.rate = inputs.tables, np.float32(rate)
        self.bias, self.momentum = np.zeros(1, np.float32), np.zeros(1, np.float32)

    def predict(self, batch: Batch) -> Float:
        return self._score(self.tables.lookup(batch), batch)

    def learn(self, batch: Batch, truth: Truth) -> Float:
        rows = self.tables.gather(batch)
        scores = self._score(rows, batch)
        error = (scores - truth.labels) * truth.weights
        self.tables.apply(batch, np.broadcast_to((self.rate * error)[:, :, None], rows.shape))
        self.momentum = np.float32(0.9) * self.momentum + error.mean(axis=0)
        self.bias = self.bias - self.rate * self.momentum
        return scores

    def snapshot(self) -> Snapshot:
        return Snapshot(weights={"bias": self.bias}, training={"momentum": self.momentum})

    def restore(self, snapshot: Snapshot) -> None:
        self.bias = snapshot.weights["bias"].copy()
        if snapshot.training:
            self.momentum = snapshot.training["momentum"].copy()

    def _score(self, rows: Float, batch: Batch) -> Float:
        logit = self.bias + rows.sum(axis=(1, 2))[:, None] + np.float32(0.1) * batch.dense.sum(axis=1)[:, None]
        return (1 / (1 + np.exp(-logit))).astype(np.float32)


class Raising(Perceptron):
    """Raises when row `at` comes."""

    def __init__(self, inputs: Inputs, at: int) -> None:
        super().__init__(inputs)
        self.at, self.rows = at, np.zeros(1, np.int64)

    def learn(self, batch: Batch, truth: Truth) -> Float:
        self.rows = self.rows + len(batch)
        if self.rows[0] > self.at:
            raise ValueError("no more rows, please")
        return super().learn(batch, truth)

    def snapshot(self) -> Snapshot:
        return Snapshot({"bias": self.bias}, {"momentum": self.momentum, "rows": self.rows})

    def restore(self, snapshot: Snapshot) -> None:
        super().restore(snapshot)
        self.rows = snapshot.training["rows"].copy()


class Wrong(Perceptron):
    """Returns scores that are none: `kind` says how."""

    def __init__(self, inputs: Inputs, kind: str) -> None:
        super().__init__(inputs)
        self.kind = kind

    def learn(self, batch: Batch, truth: Truth) -> Float:
        scores = super().learn(batch, truth)
        wrong: dict[str, object] = {
            "nan": scores * np.float32(np.nan),
            "inf": scores * np.float32(np.inf),
            "flat": scores[:, 0],
            "double": scores.astype(np.float64),
            "none": None,
        }
        return wrong[self.kind]  # type: ignore[return-value]

    def snapshot(self) -> Snapshot:
        if self.kind == "names":
            return Snapshot({"names": np.array(["a"])})
        return super().snapshot()


class Stuck(Perceptron):
    """Never comes back from its first batch."""

    def learn(self, batch: Batch, truth: Truth) -> Float:
        threading.Event().wait()
        return super().learn(batch, truth)

"""A learner of one's own, and a pipeline that trains it: `dlonflink run examples/perceptron.py:pipeline --on local`."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

import dlonflink as dlf
from dlonflink import Batch, Inputs, Learner, Snapshot, Truth

Float = NDArray[np.float32]


class Perceptron(Learner):
    """Logistic regression: one weight for each ID, and a bias."""

    def __init__(self, inputs: Inputs, rate: float = 0.05) -> None:
        self.tables, self.rate, self.bias = inputs.tables, np.float32(rate), np.zeros(1, np.float32)

    def predict(self, batch: Batch) -> Float:
        return self._score(self.tables.lookup(batch))

    def learn(self, batch: Batch, truth: Truth) -> Float:
        rows = self.tables.gather(batch)
        scores = self._score(rows)
        errors = (scores - truth.labels) * truth.weights  # the gradient of the log loss by the logit, [n, 1]
        self.tables.apply(batch, np.broadcast_to(errors[:, :, None], rows.shape))
        self.bias = self.bias - self.rate * errors.mean()
        return scores

    def snapshot(self) -> Snapshot:
        return Snapshot(weights={"bias": self.bias})

    def restore(self, snapshot: Snapshot) -> None:
        self.bias = snapshot.weights["bias"].copy()

    def _score(self, rows: Float) -> Float:
        logits = self.bias + rows.sum(axis=(1, 2))[:, None]
        return (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32)  # the logistic function, without overflow


def clicks(count: int = 20_000) -> tuple[dict[str, object], ...]:
    """Made-up rows: each user clicks on an ad of the own colour more often than on others."""
    draw = random.Random(0)
    rows: list[dict[str, object]] = []
    for _ in range(count):
        user, ad = draw.randrange(100), draw.randrange(10)
        rows.append({"user": user, "ad": ad, "click": int(draw.random() < (0.8 if user % 5 == ad % 5 else 0.1))})
    return tuple(rows)


pipeline = dlf.Pipeline(
    name="perceptron",
    source=dlf.MemorySource(columns={"user": "BIGINT", "ad": "BIGINT", "click": "INT"}, rows=clicks()),
    features=dlf.Features(hashed=("user", "ad"), crossed=(("user", "ad"),)),
    label="click",
    learner=dlf.Custom(type=f"{__file__}:Perceptron", rate=0.05),
    embedding=dlf.Embedding(dim=1, lr=0.5),
)

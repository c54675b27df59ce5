"""The contract, over our own learners and one of a user's; and that the laws catch learners that break it."""

from __future__ import annotations

import numpy as np
import pytest

import torch_modules
from dlonflink.learners.base import Learner, Snapshot
from dlonflink.testing import check_learner, laws


class Perceptron(Learner):
    """Logistic regression as a user would write it: batched, over the gradient-driven table."""

    def __init__(self, inputs, rate=0.1):
        self.tables, self.rate, self.bias = inputs.tables, rate, np.zeros(1, np.float32)

    def predict(self, batch):
        return self.score(self.tables.lookup(batch))

    def learn(self, batch, truth):
        rows = self.tables.gather(batch)
        scores = self.score(rows)
        errors = (scores - truth.labels) * truth.weights
        self.tables.apply(batch, np.broadcast_to(errors[:, :, None], rows.shape))
        self.bias = self.bias - np.float32(self.rate) * errors.mean()
        return scores

    def snapshot(self):
        return Snapshot(weights={"bias": self.bias})

    def restore(self, snapshot):
        self.bias = snapshot.weights["bias"].copy()

    def score(self, rows):
        return 1 / (1 + np.exp(-(self.bias + rows.sum(axis=(1, 2))[:, None])))


@pytest.mark.parametrize("law", laws("logistic"), ids=str)
def test_logistic(law):
    law()


@pytest.mark.parametrize("law", laws("fm"), ids=str)
def test_fm(law):
    law()


@pytest.mark.parametrize("law", laws("deepfm", dim=8, hidden=(8, 4)), ids=str)
def test_deepfm(law):
    law()


@pytest.mark.parametrize("law", laws("torch", module=f"{torch_modules.__file__}:Wide"), ids=str)
def test_torch(law):
    law()


@pytest.mark.parametrize(
    ("learner", "settings"),
    [
        ("logistic", {"rates": (4.0,), "seed": 5}),
        ("fm", {"rates": (4.0,)}),
        ("fm", {"dim": 12, "rates": (1.0, 2.0), "seed": 9}),
        ("logistic", {"rates": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)}),
        ("deepfm", {"dim": 4, "hidden": (3,), "rates": (4.0,), "seed": 5}),
    ],
    ids=str,
)
def test_other_settings(learner, settings):
    check_learner(learner, **settings)


@pytest.mark.parametrize("law", laws(Perceptron, rate=0.05), ids=str)
def test_a_learner_of_ones_own(law):
    law()


class Dropout(Perceptron):
    def learn(self, batch, truth):
        return super().learn(batch, truth) * np.float32(0.9)


class Inserting(Perceptron):
    def predict(self, batch):
        return self.score(self.tables.gather(batch))


class Forgetful(Perceptron):
    def restore(self, snapshot):
        pass


class Chancy(Perceptron):
    def learn(self, batch, truth):
        self.bias = self.bias + np.float32(np.random.default_rng().normal())
        return super().learn(batch, truth)


class Doubtful(Perceptron):
    def learn(self, batch, truth):
        return super().learn(batch, truth) * np.float32(np.nan)


class InTraining(Perceptron):
    def snapshot(self):
        return Snapshot(weights={}, training={"bias": self.bias})

    def restore(self, snapshot):
        if snapshot.training:
            self.bias = snapshot.training["bias"].copy()


class Impatient(Perceptron):
    row_by_row = True


class Stale(Dropout):
    rolling = True


@pytest.mark.parametrize(
    ("learner", "law"),
    [
        (Dropout, "learn returns the prediction before"),
        (Inserting, "predict changes nothing"),
        (Forgetful, "restore is exact"),
        (Chancy, "learn returns the prediction before"),
        (Doubtful, "scores are probabilities"),
        (InTraining, "weights are enough to predict"),
        (Stale, "learn returns the prediction before"),
        (Impatient, "the same rows give the same bits"),
    ],
)
def test_a_broken_law_is_named(learner, law):
    with pytest.raises(AssertionError, match=f"broken law: {law}, single values"):
        check_learner(learner)

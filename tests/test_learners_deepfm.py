"""DeepFM against its formulas: heads in plain Python, the rest by torch's autograd and torch's Adam, all in float64."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from torch import nn

from dlonflink.embedding.initial import first_value, source, unit
from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.errors import LearnerError, ResumeError
from dlonflink.features.batch import Ragged, Truth
from dlonflink.learners.adam import Adam
from dlonflink.learners.base import Inputs, Snapshot
from dlonflink.learners.build import build
from dlonflink.learners.settings import DeepFM
from dlonflink.testing.streams import FEATURES, LISTS, Stream, cut, random_rows

SEED = 11
ROWS = 320
BATCH = 64


def sigmoid(logit):
    return 1 / (1 + math.exp(-min(max(logit, -30), 30)))


class Reference:
    """As DESIGN 4.1 states it; `perceptron` begins with the learner's weights."""

    def __init__(self, columns, dim, rates, perceptron):
        self.dim, self.rates, self.lrv = dim, [rate / columns for rate in rates], 0.5 / columns
        heads = len(rates)
        self.w, self.n = defaultdict(lambda: [0.0] * heads), defaultdict(lambda: [0.0] * heads)
        self.bias, self.squares = [0.0] * heads, [0.0] * heads
        self.m, self.c = np.array([1 / heads] * (heads - 1) + [1.0]), np.eye(heads) * 0.1
        self.v, self.a = {}, defaultdict(float)
        self.perceptron = perceptron
        self.adam = torch.optim.Adam(perceptron.parameters(), lr=3e-3)

    def start(self, key):
        begin = np.uint64(source(np.uint64(SEED), np.uint64(key)))
        return np.array([first_value(begin, k, unit(0.01)) for k in range(self.dim)], np.float64)

    def batch(self, batch, truth):
        tags = batch.lists.get("tags")
        members = [[[int(one)] for one in ids] for ids in batch.ids]
        if tags:
            for r in range(len(batch)):
                members[r].append([int(one) for one in tags.values[tags.offsets[r] : tags.offsets[r + 1]]])
        keys = list(dict.fromkeys(key for row in members for slot in row for key in slot))
        place = {key: i for i, key in enumerate(keys)}
        table = torch.tensor(np.array([self.v.get(key, np.zeros(self.dim)) for key in keys]), requires_grad=True)
        slots = torch.stack([torch.stack([self.pool(table, place, slot, tags) for slot in row]) for row in members])
        dense = torch.tensor(batch.dense, dtype=torch.float64)
        total = slots.sum(dim=1)
        pairs = 0.5 * (total.square() - slots.square().sum(dim=1)).sum(dim=1)
        offers = self.perceptron(torch.cat([10 * slots.flatten(1), dense], dim=1))[:, 0] + pairs
        scores, errors = [], []
        for r in range(len(batch)):
            label, weight = float(truth.labels[r, 0]), float(truth.weights[r, 0])
            scores.append(self.row(self.bag(batch, r), min(max(offers[r].item(), -8), 8), label, weight))
            errors.append(weight * (scores[-1] - label))
        weights = float(truth.weights.sum())
        self.adam.zero_grad()
        offers.backward(torch.tensor(errors) / weights)
        self.adam.step()
        learned = {key for r, row in enumerate(members) if truth.weights[r, 0] for slot in row for key in slot}
        for key in learned:
            gradient = table.grad[place[key]].numpy() * weights
            self.a[key] += (gradient**2).mean()
            self.v[key] = self.v.get(key, self.start(key)) - self.lrv * gradient / (0.3 + math.sqrt(self.a[key]))
        return scores

    def pool(self, table, place, slot, tags):
        rows = table[[place[key] for key in slot]]
        return rows.mean(dim=0) if len(slot) and tags and tags.pooling == "mean" else rows.sum(dim=0)

    def bag(self, batch, r):
        bag = batch.bag
        if bag.offsets is None:
            return [(int(one), 1.0) for one in batch.ids[r]]
        part = slice(bag.offsets[r], bag.offsets[r + 1])
        return [(int(key), float(x)) for key, x in zip(bag.ids[part], bag.values[part], strict=True)]

    def row(self, bag, offer, label, weight):
        s = [min(max(b + sum(self.w[key][j] * x for key, x in bag), -15), 15) for j, b in enumerate(self.bias)]
        inputs = np.array([*(other - s[0] for other in s[1:]), offer])
        p = sigmoid(s[0] + self.m @ inputs)
        if not weight:
            return p
        errors = [weight * (sigmoid(one) - label) for one in s] if len(s) > 1 else [weight * (p - label)]
        if len(s) > 1:
            h, u = weight * max(p * (1 - p), 1e-5), self.c @ inputs
            d = 1 + h * (u @ inputs)
            self.m = self.m + u * (weight * (label - p)) / d
            self.c = self.c - np.outer(u, u) * h / d + np.eye(len(s)) * 1e-6
        for j, error in enumerate(errors):
            for key, x in bag:
                self.n[key][j] += (error * x) ** 2
                self.w[key][j] -= self.rates[j] * error * x / (1 + math.sqrt(self.n[key][j]))
            self.squares[j] += error**2
            self.bias[j] -= self.rates[j] * error / (1 + math.sqrt(self.squares[j]))
        return p


def make(settings, mixed):
    tables = Tables(Embedding(), SEED)
    lists, dense = (LISTS, 1) if mixed else ((), 0)
    return build(settings, Inputs(FEATURES, lists, dense, 4 + 2 * mixed, 1, tables, SEED))


def perceptron(learner, hidden):
    weights = {k.removeprefix("mlp/"): torch.tensor(v) for k, v in learner.snapshot().weights.items() if "/" in k}
    layers = [nn.Linear(weights["0.weight"].shape[1], hidden), nn.ReLU(), nn.Linear(hidden, 1)]
    module = nn.Sequential(*layers)
    module.load_state_dict(weights)
    return module.double()


@pytest.mark.parametrize("pooling", [None, "sum", "mean"])
@pytest.mark.parametrize("rates", [(4.0,), (2.0, 8.0, 24.0)], ids=["simple", "self-tuning"])
def test_it_is_its_formulas(rates, pooling):
    stream = random_rows(ROWS, seed=3, mixed=pooling is not None)
    weights = np.random.default_rng(4).choice([0.0, 1.0, 2.5], (ROWS, 1), p=[0.1, 0.7, 0.2]).astype(np.float32)
    if pooling == "mean":
        tags = stream.batch.lists["tags"]
        stream.batch.lists["tags"] = Ragged(tags.values, tags.offsets, "mean")
    stream = Stream(stream.batch, Truth(stream.truth.labels, weights))
    learner = make(DeepFM(dim=4, hidden=(8,), rates=rates), mixed=pooling is not None)
    reference = Reference(4 + 2 * (pooling is not None), 4, rates, perceptron(learner, 8))
    for first in range(0, ROWS, BATCH):
        part = cut(stream, first, first + BATCH)
        np.testing.assert_allclose(learner.learn(*part)[:, 0], reference.batch(*part), atol=1e-4)
    for name, tensor in reference.perceptron.state_dict().items():
        np.testing.assert_allclose(learner.snapshot().weights[f"mlp/{name}"], tensor.numpy(), atol=1e-3)


def test_rows_of_weight_0_are_scored_and_nothing_else():
    stream = random_rows(BATCH, mixed=True)
    learner = make(DeepFM(dim=4, hidden=(8,)), mixed=True)
    learner.learn(*stream)
    other = random_rows(BATCH, seed=9, mixed=True)
    before = learner.predict(other.batch)
    scores = learner.learn(other.batch, Truth(other.truth.labels, np.zeros((BATCH, 1), np.float32)))
    assert scores.tobytes() == before.tobytes() == learner.predict(other.batch).tobytes()


def test_adam_is_torch_s():
    random = np.random.default_rng(0)
    begin = random.normal(size=1000).astype(np.float32)
    parameter = nn.Parameter(torch.tensor(begin))
    expected = torch.optim.Adam([parameter], lr=3e-3)
    ours = Adam({"one": begin}, lr=3e-3)
    for _ in range(50):
        gradient = (random.normal(size=1000) * random.choice([0, 1e-4, 1, 100], 1000)).astype(np.float32)
        parameter.grad = torch.tensor(gradient)
        expected.step()
        ours.step({"one": gradient})
    np.testing.assert_allclose(begin, parameter.detach().numpy(), atol=1e-6)


def test_logits_that_are_not_finite_are_refused_before_anything_is_learned():
    stream = random_rows(BATCH, mixed=True)
    learner = make(DeepFM(dim=4, hidden=(8,)), mixed=True)
    diverged = {name: array.copy() for name, array in learner.snapshot().weights.items()}
    diverged["mlp/2.bias"][:] = np.inf
    learner.restore(Snapshot(diverged))
    before = {name: array.copy() for name, array in learner.snapshot().weights.items()}
    with pytest.raises(LearnerError, match="log1p") as caught:
        learner.learn(*stream)
    assert len(str(caught.value).splitlines()) <= 10
    for name, array in learner.snapshot().weights.items():
        assert array.tobytes() == before[name].tobytes()


def test_a_snapshot_of_other_settings_is_refused():
    taken = make(DeepFM(dim=4, hidden=(8,)), mixed=False).snapshot()
    for settings in (DeepFM(dim=4, hidden=(9,)), DeepFM(dim=8, hidden=(8,)), DeepFM(dim=4, hidden=(8,), rates=(4.0,))):
        with pytest.raises(ResumeError):
            make(settings, mixed=False).restore(Snapshot(taken.weights, taken.training))

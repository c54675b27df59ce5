"""The kernels against their formulas, written plainly in float64 over dictionaries."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from dlonflink.embedding.initial import first_value, source, unit
from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.features.batch import Bag, Batch, Truth
from dlonflink.learners.base import Inputs
from dlonflink.learners.fm import FMLearner
from dlonflink.learners.linear import LogisticLearner
from dlonflink.testing.streams import cut, random_rows

SEED = 11


def sigmoid(logit):
    return 1 / (1 + math.exp(-min(max(logit, -30), 30)))


def clip(value, limit):
    return min(max(value, -limit), limit)


class Reference:
    """Logistic regression (dim 0) or a factorization machine, row by row, as DESIGN 4.1 states them."""

    def __init__(self, columns, dim, rates):
        self.dim, self.alpha = dim, [rate / columns for rate in rates]
        heads = len(rates)
        self.w = defaultdict(lambda: [0.0] * heads)
        self.n = defaultdict(lambda: [0.0] * heads)
        self.bias, self.squares = [0.0] * heads, [0.0] * heads
        self.v: dict[int, np.ndarray] = {}
        self.a = defaultdict(float)
        self.simple = heads == 1
        self.lrv, self.bv = (0.5 / columns, 0.3) if self.simple else (1 / columns, 1.0)
        gates = 1 if dim else 0
        self.m = np.array([1 / heads] * (heads - 1) + [1.0] * gates + [0.0])
        self.c = np.diag([0.1] * (len(self.m) - 1) + [1e-3])

    def start(self, key):
        begin = np.uint64(source(np.uint64(SEED), np.uint64(key)))
        return np.array([first_value(begin, k, unit(0.01)) for k in range(self.dim)], np.float64)

    def row(self, ids, values, label, weight):
        pairs = list(zip(ids, values, strict=True))
        s = [clip(bias + sum(self.w[key][j] * x for key, x in pairs), 15) for j, bias in enumerate(self.bias)]
        zero = np.zeros(self.dim)
        terms = [self.v.get(key, zero) * x for key, x in pairs]
        total = sum(terms, zero)
        interaction = 0.5 * (total @ total - sum(term @ term for term in terms))
        inputs = np.array([other - s[0] for other in s[1:]] + ([clip(interaction, 5)] if self.dim else []) + [0.0])
        if self.simple:
            p = sigmoid(s[0] + interaction)
        else:
            inputs[-1] = s[0] + self.m[:-1] @ inputs[:-1]
            p = sigmoid(inputs[-1] + self.m[-1] * inputs[-1])
        if weight:
            self.learn(pairs, s, inputs, p, label, weight)
        return p

    def learn(self, pairs, s, inputs, p, label, weight):
        joint = weight * (p - label)
        errors = [joint] if self.simple else [weight * (sigmoid(logit) - label) for logit in s]
        if not self.simple:
            h = weight * max(p * (1 - p), 1e-5)
            u = self.c @ inputs
            d = 1 + h * (u @ inputs)
            self.m = self.m + u * (weight * (label - p)) / d
            self.c = self.c - np.outer(u, u) * h / d + np.diag([1e-6] * (len(self.m) - 1) + [1e-8])
        if self.dim:
            for key, _ in pairs:
                if key not in self.v:
                    self.v[key] = self.start(key)
            total = sum((self.v[key] * x for key, x in pairs), np.zeros(self.dim))
            for key, x in pairs:
                gradient = joint * x * (total - self.v[key] * x)
                self.a[key] += float((gradient**2).mean())
                self.v[key] = self.v[key] - self.lrv * gradient / (self.bv + math.sqrt(self.a[key]))
        for j, error in enumerate(errors):
            for key, x in pairs:
                self.n[key][j] += (error * x) ** 2
                self.w[key][j] -= self.alpha[j] * error * x / (1 + math.sqrt(self.n[key][j]))
            self.squares[j] += error**2
            self.bias[j] -= self.alpha[j] * error / (1 + math.sqrt(self.squares[j]))


def make(dim, rates, columns, seed=SEED):
    tables = Tables(Embedding(), seed)
    inputs = Inputs(("a",), (), 0, columns, 1, tables, seed)
    return (FMLearner(inputs, dim=dim, rates=rates) if dim else LogisticLearner(inputs, rates=rates)), tables


@pytest.mark.parametrize("mixed", [False, True], ids=["single", "mixed"])
@pytest.mark.parametrize("rates", [(4.0,), (2.0, 8.0, 24.0)], ids=["simple", "self-tuning"])
@pytest.mark.parametrize("dim", [0, 8], ids=["logistic", "fm"])
def test_kernels_are_their_formulas(dim, rates, mixed):
    stream = random_rows(600, seed=3, mixed=mixed)
    weights = np.random.default_rng(4).choice([0.0, 1.0, 2.5], (600, 1), p=[0.1, 0.7, 0.2]).astype(np.float32)
    stream = stream._replace(truth=Truth(stream.truth.labels, weights))
    learner, _ = make(dim, rates, columns=6 if mixed else 4)
    scores = learner.learn(*stream)[:, 0]
    reference = Reference(6 if mixed else 4, dim, rates)
    bag = stream.batch.bag
    expected = []
    for row in range(600):
        part = slice(*bag.offsets[row : row + 2]) if mixed else slice(row * 4, row * 4 + 4)
        values = bag.values[part].astype(float).tolist() if mixed else [1.0] * 4
        label, weight = float(stream.truth.labels[row, 0]), float(weights[row, 0])
        expected.append(reference.row(bag.ids[part].tolist(), values, label, weight))
    np.testing.assert_allclose(scores, expected, atol=2e-4)
    assert np.std(expected) > 0.1


@pytest.mark.parametrize("dim", [0, 16], ids=["logistic", "fm"])
def test_a_row_of_weight_zero_teaches_nothing(dim):
    stream = random_rows(200, seed=1)
    learner, tables = make(dim, (2.0, 8.0, 24.0), 4)
    learner.learn(*cut(stream, 0, 100))
    before, size = learner.predict(stream.batch), tables.size
    nothing = Truth(stream.truth.labels[100:], np.zeros((100, 1), np.float32))
    scores = learner.learn(cut(stream, 100, 200).batch, nothing)
    assert scores.tobytes() == before[100:].tobytes()
    assert learner.predict(stream.batch).tobytes() == before.tobytes()
    assert tables.size == size
    assert tables.touched().size <= size


@pytest.mark.parametrize("dim", [0, 16], ids=["logistic", "fm"])
def test_a_grid_and_the_same_rows_as_a_list_of_ones_give_the_same_bits(dim):
    batch, truth = random_rows(200, seed=1)
    ones = np.ones(800, np.float32)
    listed = Batch(200, batch.ids, {}, batch.dense, batch.event_time, Bag(batch.bag.ids, ones, np.arange(201) * 4, 0))
    first, _ = make(dim, (2.0, 8.0, 24.0), 4)
    second, _ = make(dim, (2.0, 8.0, 24.0), 4)
    assert first.learn(batch, truth).tobytes() == second.learn(listed, truth).tobytes()


@pytest.mark.parametrize("dim", [0, 16], ids=["logistic", "fm"])
def test_rows_without_ids_and_batches_without_rows_are_scored(dim):
    learner, _ = make(dim, (2.0, 8.0, 24.0), 4)
    no_ids = np.zeros(0, np.uint64)
    empty = Batch(
        size=3,
        ids=np.zeros((3, 0), np.uint64),
        lists={},
        dense=np.zeros((3, 0), np.float32),
        event_time=np.zeros(3, np.int64),
        bag=Bag(no_ids, None, np.zeros(4, np.int64), 0),
    )
    scores = learner.learn(empty, Truth(np.ones((3, 1), np.float32), np.ones((3, 1), np.float32)))
    assert scores[0] == 0.5
    assert scores[2] > 0.5  # the bias learns
    assert learner.predict(cut(random_rows(4), 0, 0).batch).shape == (0, 1)


def test_read_only_arrays_are_taken():
    batch, truth = random_rows(20, mixed=True)
    for array in (batch.bag.ids, batch.bag.values, batch.bag.offsets, batch.event_time, truth.labels, truth.weights):
        array.setflags(write=False)
    learner, _ = make(16, (2.0, 8.0, 24.0), 6)
    assert learner.learn(batch, truth).shape == (20, 1)


def test_the_seed_sets_the_factors():
    stream = random_rows(300)
    scores = []
    for seed in (1, 1, 2):
        learner, _ = make(16, (2.0, 8.0, 24.0), 4, seed)
        scores.append(learner.learn(*stream).tobytes())
    assert scores[0] == scores[1] != scores[2]


def test_extreme_numbers_stay_finite():
    stream = random_rows(300, mixed=True)
    bag = stream.batch.bag
    huge = Bag(bag.ids, bag.values * np.float32(1e6), bag.offsets, 0)
    batch = Batch(300, stream.batch.ids, {}, stream.batch.dense, stream.batch.event_time, huge)
    for dim in (0, 16):
        learner, _ = make(dim, (2.0, 8.0, 24.0), 6)
        scores = learner.learn(batch, stream.truth)
        assert np.isfinite(scores).all()
        assert np.isfinite(learner.snapshot().weights["stacker"]).all()

"""The table that is driven by gradients, against a dictionary of rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlonflink.embedding import local
from dlonflink.embedding.initial import first_value, source, unit
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.local import LocalTable
from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.errors import TableError
from dlonflink.testing.streams import random_rows

MASK = 2**64 - 1
LAYOUT = RowLayout(dim=4, state=4)


def mix(word: int) -> int:
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & MASK
    return word ^ word >> 31


def first_values(seed: int, key: int, dim: int, init: float) -> list[float]:
    """The formula in whole numbers of Python."""
    step = 0x9E3779B97F4A7C15
    start = mix(key ^ mix((seed + step) & MASK))
    values = []
    for k in range(dim):
        word = mix((start + (k + 1) * step) & MASK)
        total = sum(word >> shift & 0xFFFF for shift in (0, 16, 32, 48)) - 131070
        values.append(np.float32(total) * np.float32(init / math.sqrt((65536**2 - 1) / 3)))
    return values


class DictTable:
    """Rows of float64 by ID."""

    def __init__(self, dim, seed, init, adagrad, lr):
        self.dim, self.seed, self.init, self.adagrad, self.lr = dim, seed, init, adagrad, lr
        self.rows: dict[int, np.ndarray] = {}
        self.sums: dict[int, float] = {}

    def lookup(self, ids):
        return np.array([self.rows.get(int(key), np.zeros(self.dim)) for key in ids]).reshape(len(ids), self.dim)

    def apply(self, ids, gradients):
        totals: dict[int, np.ndarray] = {}
        for key, gradient in zip(ids.tolist(), gradients.astype(np.float64), strict=True):
            totals[key] = totals.get(key, 0) + gradient
        for key, gradient in totals.items():
            row = self.rows.get(key)
            if row is None:
                row = np.array(first_values(self.seed, key, self.dim, self.init), np.float64)
            self.sums[key] = self.sums.get(key, 0.0) + float((gradient**2).mean())
            rate = self.lr / (1 + math.sqrt(self.sums[key])) if self.adagrad else self.lr
            self.rows[key] = row - rate * gradient


def test_first_values_are_the_formula_and_normal():
    scale = unit(0.01)
    for seed, key in ((0, 0), (1, 2**64 - 1), (2**64 - 1, 7), (42, 0x123456789ABCDEF)):
        start = np.uint64(source(np.uint64(seed), np.uint64(key)))
        assert [first_value(start, k, scale) for k in range(8)] == first_values(seed, key, 8, 0.01)
    starts = [np.uint64(source(np.uint64(0), np.uint64(key))) for key in range(20_000)]
    sample = np.array([first_value(start, 3, scale) for start in starts])
    assert abs(sample.mean()) < 3e-4
    assert abs(sample.std() - 0.01) < 3e-4


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 12), max_size=30), max_size=6),
    st.booleans(),
    st.integers(0, 2**63),
)
def test_table_is_a_dictionary_of_rows(steps, adagrad, seed):
    table = LocalTable(LAYOUT, seed, init=0.1, optimizer="adagrad" if adagrad else "sgd", lr=0.5, capacity=2**14)
    oracle = DictTable(4, seed, 0.1, adagrad, 0.5)
    random = np.random.default_rng(0)
    for step in steps:
        ids = np.array(step, np.uint64) << np.uint64(58)
        gathered = table.gather(ids, np.zeros(len(ids), np.int64))
        np.testing.assert_allclose(gathered, oracle.lookup(ids), rtol=1e-5, atol=1e-6)
        gradients = random.normal(size=(len(ids), 4)).astype(np.float32)
        table.apply(ids, gradients)
        oracle.apply(ids, gradients)
        np.testing.assert_allclose(table.lookup(ids), oracle.lookup(ids), rtol=1e-5, atol=1e-6)
    assert table.size == len(oracle.rows)


def test_equal_ids_step_once_by_the_sum_in_input_order():
    once, split = (LocalTable(LAYOUT, 3, capacity=2**14) for _ in range(2))
    ids = np.array([7, 8, 7, 7], np.uint64)
    gradients = np.array([[1e8] * 4, [2] * 4, [1] * 4, [-1e8] * 4], np.float32)
    total = ((gradients[0] + gradients[2]) + gradients[3])[None]
    for table in (once, split):
        table.gather(ids, np.zeros(4, np.int64))
    once.apply(ids, gradients)
    split.apply(ids[:1], total)
    assert (once.lookup(ids[:1]) == split.lookup(ids[:1])).all()
    assert once.state[once.rows(ids[:1])[0], -1] == 1


def test_a_row_scores_as_the_default_until_it_has_learned():
    table = LocalTable(LAYOUT, 0, init=1.0, lr=0.1, capacity=2**14)
    ids = np.array([5], np.uint64)
    assert not table.gather(ids, np.zeros(1, np.int64)).any()
    assert not table.lookup(ids).any()
    table.apply(ids, np.zeros((1, 4), np.float32))
    assert table.lookup(ids)[0].tolist() == first_values(0, 5, 4, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(bad):
    table = LocalTable(LAYOUT, 0, capacity=2**14)
    ids = np.array([5, 6], np.uint64)
    table.gather(ids, np.zeros(2, np.int64))
    gradients = np.ones((2, 4), np.float32)
    gradients[1, 2] = bad
    with pytest.raises(TableError, match="not finite") as caught:
        table.apply(ids, gradients)
    assert "ID 6" in str(caught.value)
    assert not table.lookup(ids).any()


def test_gradients_of_another_shape_or_for_unknown_ids_are_refused():
    table = LocalTable(LAYOUT, 0, capacity=2**14)
    with pytest.raises(TableError, match="do not fit"):
        table.apply(np.array([5], np.uint64), np.zeros((1, 3), np.float32))
    with pytest.raises(TableError, match="does not know"):
        table.apply(np.array([5], np.uint64), np.zeros((1, 4), np.float32))


def test_less_address_space_gives_a_smaller_table(monkeypatch):
    asked = []

    def reserve(rows, width, dtype):
        asked.append(rows)
        if rows > 2**15 + 1:
            raise MemoryError
        return np.zeros((rows, width), dtype)

    monkeypatch.setattr(local, "reserve", reserve)
    table = LocalTable(LAYOUT, 0)
    assert asked[0] == local.CAPACITY + 1
    assert table.values.shape == (2**15 + 1, 4)


def test_impossible_layouts_are_refused():
    for layout in ({"state": 3}, {"state": 0}, {"state": 4, "served": (3,)}, {"state": 4, "served": (1, 0)}):
        with pytest.raises(TableError, match="laid out"):
            RowLayout(dim=4, **layout)


def test_tables_route_a_batch():
    tables = Tables(Embedding(dim=3, lr=1.0, optimizer="sgd", init=0.0), seed=0)
    batch = random_rows(50).batch
    assert tables.lookup(batch).shape == (50, 4, 3)
    assert tables.size == 0
    tables.gather(batch)
    gradients = np.ones((50, 4, 3), np.float32)
    tables.apply(batch, gradients)
    counts = dict(zip(*np.unique(batch.ids, return_counts=True), strict=True))
    expected = -np.vectorize(counts.get)(batch.ids).astype(np.float32)
    assert (tables.lookup(batch) == expected[:, :, None]).all()
    with pytest.raises(TableError, match="do not fit"):
        tables.apply(batch, gradients[:, :, :2])
    with pytest.raises(TableError, match="exists already"):
        tables.local(LAYOUT, init=0.0)


def test_a_table_laid_out_by_a_learner_is_its_own():
    tables = Tables(Embedding(), seed=0)
    assert tables.local(LAYOUT, init=0.0).dim == 4
    with pytest.raises(TableError, match="own table"):
        tables.lookup(random_rows(2).batch)
    with pytest.raises(TableError, match="exists already"):
        tables.local(LAYOUT, init=0.0)

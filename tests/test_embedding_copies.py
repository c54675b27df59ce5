"""A copy of a table while it is written: to the byte what a plain copy at that moment would have been."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torch_modules
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.local import LocalTable
from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.state import groups, served
from dlonflink.embedding.tables import Tables
from dlonflink.features.batch import Truth
from dlonflink.testing import checks
from dlonflink.testing.streams import random_rows

LAYOUT = RowLayout(dim=4, state=8, served=(0, 2))
NO_VALUES = RowLayout(dim=0, state=4, served=(0,))
CAPACITY = 2**17

# IDs of all segments, of few, and those that only differ in the low bits: segments that double again and again.
KEYS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(0, 400),
    st.integers(0, 400).map(lambda n: (n << 55) % 2**64),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("learn"), st.lists(KEYS, max_size=200)),
        st.tuples(st.just("sweep"), st.integers(1, 20_000)),
        st.tuples(st.just("open"), st.just(0)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("drop"), st.just(0)),
    ),
    max_size=25,
)


def spread(first: int, last: int) -> list[int]:
    """IDs that look like hashes."""
    return [n * 0x9E3779B97F4A7C15 % 2**64 for n in range(first, last)]


class Written:
    """A table, each of whose rows has other numbers after every step."""

    def __init__(self, layout: RowLayout) -> None:
        self.table = LocalTable(layout, seed=0, capacity=CAPACITY)
        self.second = 0

    def learn(self, ids: list[int]) -> None:
        self.second += 1
        array = np.array(ids, np.uint64)
        times = np.array([self.second * 1000], np.int64)
        rows = self.table.upsert(array, np.array([0, len(ids)]), times, np.ones(1, np.float32))
        self.table.values[rows] += np.float32(self.second)
        self.table.state[rows] += np.float32(self.second)

    def plain(self) -> dict[str, bytes]:
        return written(self.table)


def written(table: Any) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in [*groups(table), *served(table, LAYOUT_OF[table.dim]).items()]}


LAYOUT_OF = {4: LAYOUT, 0: NO_VALUES}


@settings(max_examples=120, deadline=None)
@given(steps=STEPS, layout=st.sampled_from([LAYOUT, NO_VALUES]), expected=st.booleans())
def test_copies_are_what_a_plain_copy_would_have_been(
    steps: list[tuple[str, Any]], layout: RowLayout, expected: bool
) -> None:
    """Any order of learning, pieces of a sweep, new copies, several of them read late, copies dropped half-way."""
    one = Written(layout)
    copies = one.table.copies
    if expected:
        copies.expect()
    open_: list[tuple[Any, dict[str, bytes]]] = []
    for step, what in steps:
        if step == "learn":
            one.learn(what)
        elif step == "sweep":
            copies.sweep(what)
        elif step == "open":
            open_.append((copies.open(), one.plain()))
        elif open_ and step == "drop":
            copies.drop(open_.pop()[0])
        elif open_ and step == "read":
            copy, plain = open_.pop(0)
            assert copy.wait()
            assert written(copy) == plain
    for copy, plain in open_:
        assert copy.wait()
        assert written(copy) == plain


def test_a_place_is_used_again_and_again() -> None:
    """Marks are counted to 255 and begin anew; two places serve, however many copies there were."""
    one = Written(LAYOUT)
    one.table.copies.expect()
    random = np.random.default_rng(0)
    places = set()
    held: Any = None
    for number in range(600):
        ids = [n << 58 for n in random.integers(0, 64, 10).tolist()]
        one.learn([*ids, number])
        copy, plain = one.table.copies.open(), one.plain()
        places.add(copy.values.ctypes.data)
        one.learn(ids)
        assert copy.wait()
        assert written(copy) == plain, number
        held = copy if number % 3 == 0 else held
        del copy
    assert held is not None
    assert len(places) == 2


def test_a_reader_waits_and_is_told_of_a_drop() -> None:
    one = Written(LAYOUT)
    one.learn(spread(0, 1000))
    copies = one.table.copies
    with ThreadPoolExecutor(1) as reader:
        plain, copy = one.plain(), copies.open()
        whole = reader.submit(copy.wait)
        one.learn(spread(500, 1500))
        assert not whole.done()
        while copies.sweep(1000):
            assert not whole.done()
        assert whole.result(60)
        assert reader.submit(written, copy).result(60) == plain

        second = copies.open()
        dropped = reader.submit(second.wait)
        copies.drop(second)
        assert dropped.result(60) is False
        assert not copies.sweep()
        copies.drop(copy)  # whole: nothing to drop


def test_a_sweep_is_bounded() -> None:
    one = Written(LAYOUT)
    for start in range(0, 12_000, 1000):
        one.learn(spread(start, start + 1000))
    one.table.copies.open()
    pieces = 1
    while one.table.copies.sweep(10_000):
        pieces += 1
    assert 12_000 * (4 + 8) * 4 / 10_000 < pieces < 200


def test_a_table_that_only_serves_touches_no_place() -> None:
    one = Written(LAYOUT)
    one.learn(spread(0, 1000))
    copy = one.table.copies.open()
    assert not copy.values.any()
    assert not copy.index.slots[:, 1].any()


@pytest.mark.parametrize("released", [True, False])
def test_a_place_is_free_when_it_is_released_or_forgotten(released: bool) -> None:
    one = Written(LAYOUT)
    first = one.table.copies.open()
    assert first.wait()
    place = first.values.ctypes.data
    if released:
        first.release()
    else:
        del first
    second = one.table.copies.open()
    assert second.values.ctypes.data == place
    if released:
        del first  # must not free what is the second's by now
    assert second.wait()
    assert one.table.copies.open().values.ctypes.data != place


LEARNERS: dict[str, dict[str, Any]] = {
    "logistic": {},
    "fm": {},
    "deepfm": {"dim": 4, "hidden": (3,)},
    "torch": {"module": f"{torch_modules.__file__}:Wide"},
}


@pytest.mark.parametrize("mixed", [False, True], ids=["single values", "lists and dense columns"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_no_learner_writes_what_is_not_copied(learner: str, mixed: bool) -> None:
    """Rows without a label too: they are scored beside others that are learned."""
    trial = checks.Subject(learner, LEARNERS[learner], mixed).fresh()
    stream = random_rows(checks.ROWS, seed=3, mixed=mixed)
    weights = (np.arange(checks.ROWS) % 5 != 0).astype(np.float32)[:, None]
    stream = stream._replace(truth=Truth(stream.truth.labels, weights))
    trial.tables.expect_copies()
    for first in range(0, checks.ROWS, 64):
        trial.learn(stream, first, first + 32, size=16)
        plain, copy = trial.tables.snapshot(), trial.tables.copy()
        trial.learn(stream, first + 32, first + 64, size=16)
        trial.predict(stream, 0, 64)
        while trial.tables.sweep():
            pass
        assert {name: array.tobytes() for name, array in groups(copy)} == {
            name: array.tobytes() for name, array in plain.items()
        }


def test_the_learning_thread_does_what_is_missing_when_it_reads() -> None:
    tables = Tables(Embedding(dim=4), seed=0)
    ids = np.arange(100, dtype=np.uint64)
    table = tables.local(LAYOUT, init=0.01)
    table.upsert(ids, np.arange(101), np.zeros(100, np.int64), np.ones(100, np.float32))
    copy = tables.copy()
    assert copy.wait()
    assert not tables.sweep()

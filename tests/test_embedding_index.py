"""The index against a dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlonflink.embedding.index import SEGMENTS, entries, find, make_index, no_guard, upsert
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.local import LocalTable
from dlonflink.errors import TableError

# Whole keys, keys of one segment, keys that differ in the high bits or in the low bits alone.
KEYS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(0, 300),
    st.integers(0, 300).map(lambda n: n << 40),
    st.integers(0, 300).map(lambda n: (n << 56) % 2**64),
)


def upsert_all(index, touched, ids, seconds=0, weight=1.0):
    ids = np.array(ids, np.uint64)
    return upsert(
        index,
        no_guard(),
        touched,
        ids,
        np.array([0, len(ids)], np.int64),
        np.array([seconds * 1000], np.int64),
        np.array([weight], np.float32),
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.lists(KEYS, max_size=150), st.integers(0, 2**32 - 1), st.booleans()), max_size=8))
def test_index_is_a_dictionary(steps):
    index, touched = make_index(2**14), np.zeros(2**14, np.uint8)
    rows: dict[int, int] = {}
    seen: dict[int, int] = {}
    for keys, second, learned in steps:
        found, fits = upsert_all(index, touched, keys, second, float(learned))
        assert fits
        if learned:
            for key in keys:
                rows.setdefault(key, len(rows) + 1)
                seen[key] = max(seen.get(key, 0), second)
        assert found.tolist() == [rows.get(key, 0) for key in keys]
    asked = [key for keys, _, _ in steps for key in keys] + [0, 1, 2**64 - 1]
    assert find(index, np.array(asked, np.uint64)).tolist() == [rows.get(key, 0) for key in asked]
    ids, at, when = (array.tolist() for array in entries(index, 0, SEGMENTS))
    assert dict(zip(ids, at, strict=True)) == rows
    assert dict(zip(ids, when, strict=True)) == seen
    assert {row >> 5 for row in rows.values()} == set(np.flatnonzero(touched).tolist())


def test_segments_grow_alone_and_keep_every_id():
    index, touched = make_index(2**17), np.zeros(2**13, np.uint8)
    ids = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64, endpoint=False)
    sizes = set()
    for part in np.split(ids, 100):
        assert upsert_all(index, touched, part)[1]
        sizes.add(tuple(index.sizes))
    assert len(sizes) > 50  # growth is spread over the stream
    assert find(index, ids).tolist() == list(range(1, len(ids) + 1))
    assert find(index, ids ^ np.uint64(1)).max() == 0


def test_time_before_1970_and_after_2106_is_cut():
    index, touched = make_index(2**14), np.zeros(2**14, np.uint8)
    upsert_all(index, touched, [1], -5)
    upsert_all(index, touched, [2**63], 2**40)
    assert sorted(entries(index, 0, SEGMENTS)[2].tolist()) == [0, 2**32 - 1]


def full_table(ids):
    table = LocalTable(RowLayout(dim=4, state=4), seed=0, capacity=2**14)
    table.gather(ids, np.zeros(len(ids), np.int64))
    return table


def test_a_full_table_says_so():
    ids = np.random.default_rng(1).integers(0, 2**64, 2**14, dtype=np.uint64, endpoint=False)
    table = full_table(ids)
    assert table.size == 2**14
    assert (table.rows(ids) > 0).all()
    with pytest.raises(TableError, match="full"):
        table.gather(np.array([5], np.uint64), np.zeros(1, np.int64))
    assert table.gather(ids[:3], np.zeros(3, np.int64)).shape == (3, 4)  # what is there stays there


def test_ids_that_crowd_into_one_segment_are_refused_not_lost():
    with pytest.raises(TableError, match="full"):
        full_table(np.arange(2**14, dtype=np.uint64))

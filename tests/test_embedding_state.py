"""Snapshots, versions and digests of tables: canonical, and exact."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.errors import ResumeError

LAYOUT = RowLayout(dim=4, state=8, served=(0, 2))


def filled(ids, *, layout=LAYOUT, learned=True):
    """A table whose numbers are a function of the ID alone, whatever the order of `ids`."""
    tables = Tables(Embedding(), seed=1)
    table = tables.local(layout, init=0.0)
    ids = np.array(ids, np.uint64)
    times = (ids % np.uint64(1000)).astype(np.int64) * 1000
    rows = table.upsert(ids, np.arange(len(ids) + 1), times, np.ones(len(ids), np.float32))
    for row, key in zip(rows, ids, strict=True):
        random = np.random.default_rng(int(key))
        table.values[row] = random.normal(size=layout.dim)
        table.state[row] = random.normal(size=layout.state)
        table.state[row, -1] = 1 + int(key) % 5 if learned else 0
    return tables


def digest(tables):
    sha = hashlib.sha256()
    tables.digest(sha)
    return sha.hexdigest()


IDS = st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=60)


@settings(max_examples=40, deadline=None)
@given(IDS, st.randoms())
def test_order_of_arrival_leaves_no_trace(ids, random):
    shuffled = list(ids)
    random.shuffle(shuffled)
    first, second = filled(ids).snapshot(), filled(shuffled).snapshot()
    assert list(first) == list(second)
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name
    assert digest(filled(ids)) == digest(filled(shuffled))
    for name, array in filled(ids).served().items():
        assert array.tobytes() == filled(shuffled).served()[name].tobytes(), name


@settings(max_examples=40, deadline=None)
@given(IDS)
def test_restore_gives_back_every_bit(ids):
    tables = filled(ids)
    other = Tables(Embedding(), seed=1)
    other.local(LAYOUT, init=0.0)
    other.restore(tables.snapshot())
    assert digest(other) == digest(tables)
    assert other.size == len(ids)


def test_snapshot_is_cut_by_key_group_with_ids_ascending():
    ids = [3, 2**57 - 1, 2**57, 2**64 - 1, 2**64 - 5]
    arrays = filled(ids).snapshot()
    names = [f"kg/{group}/{part}" for group in ("000", "001", "127") for part in ("ids", "seen", "state", "values")]
    assert sorted(arrays) == names
    assert arrays["kg/000/ids"].tolist() == [3, 2**57 - 1]
    assert arrays["kg/127/ids"].tolist() == [2**64 - 5, 2**64 - 1]
    assert arrays["kg/000/seen"].tolist() == [3, (2**57 - 1) % 1000]
    assert arrays["kg/000/values"].shape == (2, 4)
    assert arrays["kg/000/state"].dtype == np.float32


def test_a_version_holds_what_predict_reads_of_learned_rows():
    tables = filled([9, 5])
    arrays = tables.served()
    assert arrays["ids"].tolist() == [5, 9]
    assert arrays["cells"].shape == (2, 2)
    server = Tables(Embedding(), seed=1)
    table = server.local(LAYOUT, init=0.0)
    server.restore_served(arrays)
    rows = table.rows(arrays["ids"])
    assert table.values[rows].tobytes() == arrays["values"].tobytes()
    assert table.state[rows][:, [0, 2]].tobytes() == arrays["cells"].tobytes()
    assert not table.state[rows][:, [1, 3, 4, 5, 6]].any()
    assert filled([9, 5], learned=False).served()["ids"].size == 0


def test_a_table_without_values_has_none_in_its_arrays():
    layout = RowLayout(dim=0, state=4, served=(0,))
    tables = filled([1, 2], layout=layout)
    assert sorted(tables.snapshot()) == ["kg/000/ids", "kg/000/seen", "kg/000/state"]
    assert sorted(tables.served()) == ["cells", "ids"]
    other = Tables(Embedding(), seed=1)
    other.local(layout, init=0.0)
    other.restore(tables.snapshot())
    assert digest(other) == digest(tables)


@pytest.mark.parametrize("layout", [RowLayout(dim=8, state=8), RowLayout(dim=4, state=4), RowLayout(dim=0, state=8)])
def test_another_layout_cannot_be_resumed(layout):
    tables = filled([1, 2], layout=layout)
    other = Tables(Embedding(), seed=1)
    other.local(LAYOUT, init=0.0)
    with pytest.raises(ResumeError, match="another layout"):
        other.restore(tables.snapshot())


def test_a_snapshot_is_a_copy():
    tables = Tables(Embedding(), seed=0)
    table = tables.local(LAYOUT, init=0.0)
    ids = np.array([1], np.uint64)
    row = table.upsert(ids, np.array([0, 1]), np.zeros(1, np.int64), np.ones(1, np.float32))[0]
    arrays = tables.snapshot()
    table.values[row] = 7
    assert not arrays["kg/000/values"].any()


def test_touched_ids_are_found_and_forgotten():
    tables = Tables(Embedding(), seed=0)
    table = tables.local(LAYOUT, init=0.0)
    ids = np.random.default_rng(0).integers(0, 2**64, 10_000, dtype=np.uint64, endpoint=False)
    ones = np.ones(len(ids), np.float32)
    table.upsert(ids, np.arange(len(ids) + 1), np.zeros(len(ids), np.int64), ones)
    assert tables.touched().tolist() == sorted(ids.tolist())
    tables.clear_touched()
    assert tables.touched().size == 0
    few = ids[[5, 5_000]]
    table.upsert(few, np.arange(3), np.zeros(2, np.int64), np.array([1, 0], np.float32))
    touched = set(tables.touched().tolist())
    assert int(ids[5]) in touched
    assert int(ids[5_000]) not in touched  # its data row had weight 0
    assert len(touched) <= 32


def test_read_only_arrays_are_restored():
    arrays = filled([1, 2, 3]).snapshot()
    for array in arrays.values():
        array.setflags(write=False)
    other = Tables(Embedding(), seed=1)
    other.local(LAYOUT, init=0.0)
    other.restore(arrays)
    assert digest(other) == digest(filled([1, 2, 3]))

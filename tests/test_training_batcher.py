"""Batches are cut by count, whatever the transport and the snapshots do."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlonflink.errors import ResumeError
from dlonflink.training.batcher import Batcher

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.utf8())])


def rows(first: int, count: int) -> pa.RecordBatch:
    numbers = list(range(first, first + count))
    return pa.record_batch({"n": numbers, "text": [None if n % 3 else str(n) for n in numbers]}, schema=SCHEMA)


@given(st.integers(1, 7), st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=12))
def test_the_cut_depends_on_the_rows_alone(size: int, feeds: list[tuple[int, bool]]) -> None:
    batcher, given_rows, cut = Batcher(size, None), 0, []
    for count, snapshot in feeds:
        cut += batcher.add(rows(given_rows, count), 0.0)
        given_rows += count
        assert batcher.held == given_rows % size
        if snapshot:
            data, batcher = batcher.snapshot(), Batcher(size, None)
            batcher.restore(data, SCHEMA)
    cut += batcher.rest()
    assert [batch.num_rows for batch in cut] == [size] * (given_rows // size) + [given_rows % size] * bool(
        given_rows % size
    )
    assert [n for batch in cut for n in batch.column(0).to_pylist()] == list(range(given_rows))
    assert batcher.due() is None


def test_a_limit_cuts_a_slow_stream() -> None:
    batcher = Batcher(4, 0.1)
    assert batcher.due() is None
    assert batcher.add(rows(0, 2), 10.0) == []
    batcher.add(rows(2, 1), 10.05)
    assert batcher.due() == pytest.approx(10.1)
    assert batcher.tick(10.09) == []
    assert [batch.num_rows for batch in batcher.tick(10.1)] == [3]
    assert batcher.due() is None
    assert [batch.num_rows for batch in batcher.add(rows(3, 5), 20.0)] == [4]
    assert batcher.due() == pytest.approx(20.1)


def test_restored_rows_have_waited_long_enough() -> None:
    batcher = Batcher(4, 0.1)
    batcher.add(rows(0, 3), 0.0)
    restored = Batcher(4, 0.1)
    restored.restore(batcher.snapshot(), SCHEMA)
    assert restored.due() == -math.inf
    assert [batch.to_pydict() for batch in restored.tick(0.0)] == [rows(0, 3).to_pydict()]


def test_rows_of_another_schema_are_refused() -> None:
    batcher = Batcher(4, None)
    batcher.add(rows(0, 3), 0.0)
    for column in (("n", pa.int32()), ("other", pa.int64())):
        with pytest.raises(ResumeError, match="another schema"):
            Batcher(4, None).restore(batcher.snapshot(), pa.schema([column]))

"""Arrow that others wrote: what is taken out of it, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlonflink.connectors.foreign import PIECE_ROWS, Streams, read_file
from dlonflink.connectors.parquet import Ranges, ranges, write_ranges
from dlonflink.errors import DataError, SchemaError
from dlonflink.types import parse, sql
from golden_values import GOLDEN

END = b"\xff\xff\xff\xff\0\0\0\0"


def stream(*batches: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def one(array: pa.Array, name: str = "a") -> pa.RecordBatch:
    return pa.record_batch([array], [name])


def schema(**types: str) -> pa.Schema:
    return pa.schema([(name, parse(type_, column=name)) for name, type_ in types.items()])


def rows(batches: Iterable[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


def test_the_golden_values(tmp_path: Path) -> None:
    golden = json.loads((GOLDEN / "values.json").read_text())
    data = (GOLDEN / "values.arrow").read_bytes()
    messages = [data[begin:end] for begin, end in golden["messages"]]
    wanted = schema(b="STRING", n="BIGINT", x="DOUBLE", a="STRING")
    reader = Streams(wanted)
    for value in golden["values"]:
        whole = b"".join(messages[index] for index in value["messages"]) + END
        assert rows(reader.read(whole)) == [{name: row[name] for name in wanted.names} for row in value["rows"]]
    expected = [row for value in golden["values"] for row in value["rows"]]
    assert [row["a"] for row in rows(read_file(GOLDEN / "values.arrow", wanted))] == [row["a"] for row in expected]


EPOCH = dt.datetime(1970, 1, 1)
MAP = pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32()))


@pytest.mark.parametrize(
    ("array", "type_", "values"),
    [
        (pa.array([1, None], pa.uint64()), "TINYINT", [1, None]),
        (pa.array([1], pa.int8()), "BIGINT", [1]),
        (pa.array([3], pa.int64()), "FLOAT", [3.0]),
        (pa.array([1.5], pa.float32()), "DOUBLE", [1.5]),
        (pa.array(["x", "é"], pa.large_string()), "STRING", ["x", "é"]),
        (pa.array(["x", None, "x"]).dictionary_encode(), "STRING", ["x", None, "x"]),
        (pa.array([7, 8, 7]).dictionary_encode(), "INT", [7, 8, 7]),
        (pa.array([b"ab"], pa.binary(2)), "BYTES", [b"ab"]),
        (pa.array([Decimal("1.50")], pa.decimal128(9, 2)), "DECIMAL(4, 1)", [Decimal("1.5")]),
        (pa.array([dt.date(2013, 1, 31)], pa.date64()), "DATE", [dt.date(2013, 1, 31)]),
        (pa.array([dt.time(5, 15)], pa.time64("us")), "TIME", [dt.time(5, 15)]),
        (pa.array([EPOCH], pa.timestamp("ns")), "TIMESTAMP(3)", [EPOCH]),
        (pa.array([0], pa.timestamp("us", "Europe/Berlin")), "TIMESTAMP_LTZ(3)", [EPOCH.replace(tzinfo=dt.UTC)]),
        (pa.array([[1, 2], None], pa.large_list(pa.int32())), "ARRAY<BIGINT>", [[1, 2], None]),
        (pa.array([{"k": 1}], pa.struct([("k", pa.int32())])), "ROW<k BIGINT>", [{"k": 1}]),
        (MAP, "MAP<STRING, BIGINT>", [[{"key": "a", "value": 1}], None]),
        (MAP, "MAP<STRING NOT NULL, BIGINT>", [[("a", 1)], None]),
        (pa.nulls(2), "STRING", [None, None]),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_cast(array: pa.Array, type_: str, values: list[Any]) -> None:
    assert [row["a"] for row in rows(Streams(schema(a=type_)).read(stream(one(array))))] == values


@pytest.mark.parametrize(
    ("found", "type_"),
    [
        (pa.float64(), "FLOAT"), (pa.float64(), "BIGINT"), (pa.utf8(), "BIGINT"), (pa.int64(), "STRING"),
        (pa.timestamp("ms"), "TIMESTAMP_LTZ(3)"), (pa.timestamp("ms", "UTC"), "TIMESTAMP(3)"), (pa.bool_(), "INT"),
        (pa.utf8(), "BYTES"), (pa.list_(pa.utf8()), "ARRAY<INT>"),
        (pa.struct([("k", pa.int32())]), "ROW<l INT>"), (pa.list_(pa.int64()), "MAP<INT, INT>"),
    ],
    ids=str,
)  # fmt: skip
def test_a_type_that_loses_is_refused_before_a_row_is_read(found: pa.DataType, type_: str) -> None:
    with pytest.raises(SchemaError, match="column 'a' is of a type that does not become") as refused:
        rows(Streams(schema(a=type_)).read(stream(one(pa.nulls(0, found)))))
    assert refused.value.expected == sql(parse(type_, column="a"))
    assert str(found) in (refused.value.got or "")
    assert refused.value.fix == f"declare it as {sql(found)} in columns"


@pytest.mark.parametrize(
    ("array", "type_", "got"),
    [
        (pa.array([1, 300]), "TINYINT", "300"),
        (pa.array([EPOCH + dt.timedelta(microseconds=1)], pa.timestamp("us")), "TIMESTAMP(3)", "lose data"),
        (pa.array([2**60 + 1]), "DOUBLE", "1152921504606846977"),
        (pa.array([Decimal("1.55")], pa.decimal128(9, 2)), "DECIMAL(4, 1)", "data loss"),
        (pa.array([300]).dictionary_encode(), "TINYINT", "300"),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_names_column_and_place(array: pa.Array, type_: str, got: str) -> None:
    with pytest.raises(DataError, match="column 'a' holds a value that its type does not") as refused:
        rows(Streams(schema(a=type_)).read(stream(one(array)) + b"a.arrow, byte 12"))
    assert refused.value.where == "a.arrow, byte 12"
    assert got in (refused.value.got or "")


def test_a_column_that_is_not_there_or_twice() -> None:
    batch = pa.record_batch([pa.array([1]), pa.array([2]), pa.array([3])], ["carrier", "b", "b"])
    with pytest.raises(SchemaError, match="'carier' is not there") as refused:
        rows(Streams(schema(carier="INT")).read(stream(batch)))
    assert refused.value.fix == "did you mean 'carrier'?"
    assert refused.value.where == "value 1 since the worker started"
    with pytest.raises(SchemaError, match="'b' is there more than once"):
        rows(Streams(schema(b="INT")).read(stream(batch)))
    assert rows(Streams(schema(carrier="INT")).read(stream(batch))) == [{"carrier": 1}]


def test_the_schema_may_change_from_value_to_value() -> None:
    reader = Streams(schema(a="BIGINT", b="STRING"))
    first = pa.record_batch({"x": [0], "b": ["p"], "a": [1]})
    second = pa.record_batch({"a": pa.array([2], pa.int8()), "b": pa.array(["q"]).dictionary_encode()})
    got = [row for value in (first, first, second, first) for row in rows(reader.read(stream(value)))]
    assert got == [{"a": 1, "b": "p"}, {"a": 1, "b": "p"}, {"a": 2, "b": "q"}, {"a": 1, "b": "p"}]


def test_a_large_batch_comes_in_pieces() -> None:
    batch = one(pa.array(range(2 * PIECE_ROWS + 1)))
    pieces = list(Streams(schema(a="INT")).read(stream(batch, batch.slice(0, 1))))
    assert [piece.num_rows for piece in pieces] == [PIECE_ROWS, PIECE_ROWS, 1, 1]


def test_few_bytes_cannot_say_any_number_of_rows() -> None:
    with pytest.raises(DataError, match="too many rows"):
        rows(Streams(schema(a="INT")).read(stream(one(pa.nulls(1 << 25)))))


@pytest.mark.parametrize("value", [b"", b"\0" * 8, b"\xff" * 40, b'{"a": 1}', stream(one(pa.array([1])))[:-60]])
def test_a_value_that_is_no_stream(value: bytes) -> None:
    with pytest.raises(DataError, match="a value is not an Arrow IPC stream") as refused:
        rows(Streams(schema(a="INT")).read(value))
    assert refused.value.where == "value 1 since the worker started"


MIXED = pa.record_batch(
    {
        "n": pa.array([1, None, 3] * 5, pa.int32()),
        "s": pa.array(["x", "longer than the rest", None] * 5),
        "d": pa.array(["p", "q", None] * 5).dictionary_encode(),
        "l": pa.array([[1, 2], None, []] * 5, pa.list_(pa.int64())),
        "t": pa.array([0, 1, None] * 5, pa.timestamp("us")),
    }
)
VALUE = stream(MIXED, MIXED.slice(3, 7))
WANTED = schema(l="ARRAY<BIGINT>", d="STRING", s="STRING", t="TIMESTAMP(6)", n="BIGINT")


@given(st.lists(st.tuples(st.integers(0, len(VALUE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damage_is_an_error_of_ours_or_valid_rows(damage: list[tuple[int, int]]) -> None:
    value = bytearray(VALUE)
    for place, byte in damage:
        value[place] = byte
    try:
        for batch in Streams(WANTED).read(bytes(value)):
            batch.validate(full=True)
            assert batch.schema.equals(WANTED)
            batch.to_pylist()
    except DataError:
        pass  # SchemaError is one


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_file_cut_anywhere_gives_whole_batches_or_an_error(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / "whole.arrow"
    batches = [MIXED, MIXED.slice(3, 7), MIXED]
    with (pa.ipc.new_file if kind == "file" else pa.ipc.new_stream)(str(whole), MIXED.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    data = whole.read_bytes()
    everything = rows(read_file(whole, WANTED))
    assert len(everything) == 37
    cut = tmp_path / "cut.arrow"
    whole_ends: set[int] = set()
    places: set[str] = set()
    for length in range(0, len(data), 7):
        cut.write_bytes(data[:length])
        got: list[dict[str, Any]] = []
        try:
            for batch in read_file(cut, WANTED):
                got += batch.to_pylist()
            whole_ends.add(length)
        except DataError as error:
            places.add((error.where or "").partition(", byte ")[0])
        assert got == everything[: len(got)]
    assert places == {str(cut)}
    # A stream may lack its end mark, and then its last batch may be missing unseen; a file has a magic word at its end.
    assert kind == "stream" or not whole_ends


def parquet(path: Path, count: int, group: int) -> pa.Table:
    table = pa.table({"n": range(count), "s": [f"s{i % 7}" for i in range(count)], "x": [0.5] * count})
    pq.write_table(table, path, row_group_size=group)
    return table


def values(path: Path) -> list[bytes]:
    with pa.ipc.open_stream(str(path)) as written:
        return [stream(batch) for batch in written]


def test_parquet_in_ranges_from_any_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "1.parquet", tmp_path / "2.parquet"
    count, wanted = 3 * PIECE_ROWS + 5, schema(s="STRING", n="INT")
    parquet(first, count, 2 * PIECE_ROWS + 1)
    parquet(second, 3, 2)
    write_ranges(ranges([first, second], wanted), tmp_path / "ranges.arrow")
    told = values(tmp_path / "ranges.arrow")
    expected = [{"s": f"s{i % 7}", "n": i} for number in (count, 3) for i in range(number)]
    begun: list[Any] = []
    original = pq.ParquetFile.iter_batches
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *a, **k: begun.append(k) or original(*a, **k))
    begins = [0]
    for value in told:
        begins.append(begins[-1] + sum(batch.num_rows for batch in Ranges(wanted).read(value)))
    ends = (PIECE_ROWS, 2 * PIECE_ROWS, 2 * PIECE_ROWS + 1, 3 * PIECE_ROWS + 1, count, count + 2, count + 3)
    assert begins == [0, *ends]
    for k in range(len(told)):
        begun.clear()
        reader = Ranges(wanted)
        assert rows(batch for value in told[k:] for batch in reader.read(value)) == expected[begins[k] :]
        # Each row group is opened once, however many ranges it has.
        assert len(begun) == len(set((0, 0, 0, 1, 1, 2, 3)[k:]))


def test_a_parquet_file_that_is_gone_or_another(tmp_path: Path) -> None:
    path, wanted = tmp_path / "a.parquet", schema(n="INT")
    parquet(path, 10, 10)
    (told,) = ranges([path], wanted)
    parquet(path, 10, 5)
    with pytest.raises(DataError, match="not the one that the run began with") as refused:
        rows(Ranges(wanted).rows(told))
    assert refused.value.where == str(path)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read where the worker runs"):
        rows(Ranges(wanted).rows(told))
    path.write_bytes(b"PAR1, they say. PAR1")
    with pytest.raises(DataError, match="the file is not Parquet"):
        list(ranges([path], wanted))


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    path, wanted = tmp_path / "a.parquet", schema(n="INT")
    parquet(path, 1_000, 1_000)
    (told,) = ranges([path], wanted)
    data = bytearray(path.read_bytes())
    data[4:200] = bytes(196)
    path.write_bytes(data)
    with pytest.raises(DataError, match="the Parquet file cannot be read") as refused:
        rows(Ranges(wanted).rows(told))
    assert refused.value.where == f"{path}, rows 1 to 1,000 of row group 0"


def test_a_column_that_parquet_lacks_is_said_before_anything_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet(path, 1, 1)
    with pytest.raises(SchemaError, match="column 'm' is not there"):
        list(ranges([path], schema(m="INT")))

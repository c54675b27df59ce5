"""`dlonflink.testing.collect`: the rows that a learner would see; with it, every type that SQL makes, by real Flink."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import dlonflink as dlf
from dlonflink.testing import collect
from dlonflink.types import parse


def pipeline(source: Any, **changes: Any) -> dlf.Pipeline:
    sections: dict[str, Any] = {
        "name": "looked-at",
        "source": source,
        "features": dlf.Features(hashed=("user", "ad")),
        "label": "click",
        "learner": dlf.Logistic(),
    }
    return dlf.Pipeline(**(sections | changes))


def test_flink_and_local_see_the_same_rows(stream: Any, home: Path) -> None:
    one = pipeline(dlf.FileSource(paths=(str(stream.path),), format="csv", columns=stream.columns, key=("id",)))
    local = collect(one, on="local")
    assert local.num_rows == stream.rows
    assert local.column_names == ["id", "user", "ad", "click"]
    flink = collect(one, on="flink")
    assert flink.schema.equals(local.schema, check_metadata=True)
    assert flink.sort_by("id").equals(local.sort_by("id"))
    assert collect(one, on="local", rows=5_000).equals(local.slice(0, 5_000))
    assert not home.exists()  # no run is kept


def test_the_first_bad_row_raises_whatever_becomes_of_it_in_a_run(home: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"user": "u", "ad": "a", "click": 1}\n{"user": "u", "ad": "a", "click": "x"}\n'
    )
    columns = {"user": "STRING", "ad": "STRING", "click": "INT"}
    source = dlf.FileSource(
        paths=(str(tmp_path / "rows.jsonl"),), format="jsonl", columns=columns, rejects=dlf.Rejects(max_share=1)
    )
    with pytest.raises(dlf.DataError):
        collect(pipeline(source), on="local")
    assert not home.exists()


LISTS = "MAP<CHAR(1) NOT NULL, ARRAY<INT NOT NULL> NOT NULL>"
EVERY = {
    "day_time": ("INTERVAL '1 02:03:04.005' DAY TO SECOND(3)", "INTERVAL SECOND(3)"),
    "year_month": ("INTERVAL '1-2' YEAR TO MONTH", "INTERVAL MONTH"),
    "strict_map": ("MAP['a', 1, 'b', 2]", "MAP<CHAR(1) NOT NULL, INT NOT NULL>"),
    "loose_map": ("MAP[CAST(NULL AS STRING), 1, 'b', 2]", "MAP<STRING, INT NOT NULL>"),
    "variant": ("""PARSE_JSON('{"a": 1, "b": [null, 1.5, "x"]}')""", "VARIANT"),
    "deep": (
        "ROW(ROW(CAST(1.5 AS DECIMAL(3, 1)), MAP['k', ARRAY[1, 2]]), DATE '1969-12-31')",
        f"ROW<EXPR$0 ROW<EXPR$0 DECIMAL(3, 1) NOT NULL, EXPR$1 {LISTS} NOT NULL> NOT NULL, EXPR$1 DATE NOT NULL>",
    ),
    "rows": (
        "ARRAY[ROW(1, 'x'), ROW(2, CAST(NULL AS STRING))]",
        "ARRAY<ROW<EXPR$0 INT NOT NULL, EXPR$1 STRING> NOT NULL>",
    ),
    "bytes": ("x'00ff'", "BYTES"),
    "nothing": ("CAST(NULL AS INTERVAL DAY TO SECOND(3))", "INTERVAL DAY TO SECOND(3)"),
}
"""Column -> SQL, and its type as Flink says it."""


def test_every_type_that_sql_makes() -> None:
    made = ", ".join(f"{text} AS `{name}`" for name, (text, _) in EVERY.items())
    source = dlf.MemorySource(
        columns={"user": "STRING", "ad": "INT", "click": "INT"},
        rows=({"user": "u", "ad": 1, "click": 0}, {"user": None, "ad": 2, "click": 1}),
        query=f"SELECT *, {made} FROM source",
        key=tuple(EVERY),
    )
    table = collect(pipeline(source), on="flink")
    table.validate(full=True)
    for name, (_, type_) in EVERY.items():
        text = type_.replace("EXPR$0", "`EXPR$0`").replace("EXPR$1", "`EXPR$1`")
        assert table.schema.field(name).type.equals(parse(text, column=name), check_metadata=True), name
    first, second = table.to_pylist()
    assert {**second, "user": "u", "ad": 1, "click": 0} == first
    assert {name: first[name] for name in EVERY} == {
        "day_time": dt.timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5),
        "year_month": pa.MonthDayNano([14, 0, 0]),
        "strict_map": [("a", 1), ("b", 2)],
        "loose_map": [{"key": None, "value": 1}, {"key": "b", "value": 2}],
        "variant": {
            "metadata": bytes.fromhex("01020001026162"),
            "value": bytes.fromhex("020200010002110c010303000107090020010f0000000578"),
        },
        "deep": {"EXPR$0": {"EXPR$0": Decimal("1.5"), "EXPR$1": [("k", [1, 2])]}, "EXPR$1": dt.date(1969, 12, 31)},
        "rows": [{"EXPR$0": 1, "EXPR$1": "x"}, {"EXPR$0": 2, "EXPR$1": None}],
        "bytes": b"\x00\xff",
        "nothing": None,
    }


def test_a_stream_without_an_end_is_cut() -> None:
    ddl = "CREATE TABLE t (`user` BIGINT, ad INT, click BOOLEAN) WITH ('connector' = 'datagen')"
    table = collect(pipeline(dlf.SqlSource(ddl=ddl, table="t")), on="flink", rows=7)
    assert table.num_rows == 7
    assert table.schema.types == [pa.int64(), pa.int32(), pa.bool_()]


def test_what_is_wrong_is_told_as_by_run() -> None:
    columns = {"user": "STRING", "ad": "INT", "click": "INT"}
    wrong = dlf.MemorySource(columns=columns, rows=(), query="SELECT *, x FROM source")
    with pytest.raises(dlf.SqlError, match="SQL"):
        collect(pipeline(wrong), on="flink")
    with pytest.raises(dlf.PipelineError, match="rows must be 1 or more"):
        collect(pipeline(wrong), rows=0)
    with pytest.raises(dlf.PipelineError, match="the local runtime has no SQL"):
        collect(pipeline(wrong), on="local")

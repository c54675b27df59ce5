"""The statements that make the table `source`."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlonflink.connectors.ddl import literal, select, statements
from dlonflink.connectors.files import FileSource
from dlonflink.connectors.local import read
from dlonflink.connectors.memory import MemorySource, records
from dlonflink.connectors.sql import ArrowValues, SqlSource
from dlonflink.connectors.statements import split
from dlonflink.errors import DataError, PipelineError
from dlonflink.types.text import quote


def source(path: str, **more) -> FileSource:
    return FileSource(paths=(path,), format="csv", columns={"a b": "INT", "ts": "TIMESTAMP_LTZ(3)"}, **more)


def test_a_file_with_an_event_time(tmp_path):
    path = tmp_path / "it's 100% é.csv"
    path.touch()
    made = statements(source(str(path), event_time={"column": "ts", "delay": "1500 ms"}), run_dir=tmp_path)
    (statement,) = made
    assert statement == (
        "CREATE TEMPORARY TABLE `source` (\n"
        "  `a b` INT,\n"
        "  `ts` TIMESTAMP_LTZ(3),\n"
        "  WATERMARK FOR `ts` AS `ts` - INTERVAL '0 00:00:01.500' DAY(3) TO SECOND(3)\n"
        ") WITH (\n"
        "  'connector' = 'filesystem',\n"
        f"  'path' = {literal(f'file://{path}')},\n"
        "  'format' = 'dlonflink-csv',\n"
        "  'dlonflink-csv.header' = 'true',\n"
        "  'dlonflink-csv.null-literal' = ''\n"
        ")"
    )


def test_an_event_time_must_be_one_in_sql(tmp_path):
    path = tmp_path / "a.csv"
    path.touch()
    with pytest.raises(PipelineError, match="TIMESTAMP"):
        statements(source(str(path), event_time="a b"), run_dir=tmp_path)


def test_a_delay_of_days(tmp_path):
    path = tmp_path / "a.csv"
    path.touch()
    (statement,) = statements(source(str(path), event_time={"column": "ts", "delay": "30 d"}), run_dir=tmp_path)
    assert "`ts` - INTERVAL '30 00:00:00.000' DAY(3) TO SECOND(3)" in statement
    (statement,) = statements(source(str(path), event_time="ts"), run_dir=tmp_path)
    assert "WATERMARK FOR `ts` AS `ts`\n" in statement
    with pytest.raises(PipelineError, match="too long"):
        statements(source(str(path), event_time={"column": "ts", "delay": "1000 d"}), run_dir=tmp_path)


def test_select_prunes():
    assert select(source("x"), ["ts", "a b"]) == "SELECT `ts`, `a b` FROM `source`"


def test_a_query_is_a_view_which_keeps_its_order():
    ordered = SqlSource(ddl="CREATE TABLE source (a INT)", table="source", query="SELECT * FROM source ORDER BY a;\n")
    assert statements(ordered, run_dir=Path()) == [
        "CREATE TABLE source (a INT)",
        "CREATE TEMPORARY VIEW `source_rows` AS\nSELECT * FROM source ORDER BY a",
    ]
    assert select(ordered, ["a"]) == "SELECT `a` FROM `source_rows`"


def test_several_files_by_pattern(tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("a(1).csv", "more/b.csv", "c.csv"):
        (tmp_path / name).touch()
    (statement,) = statements(source(str(tmp_path / "**" / "[ab]*.csv")), run_dir=tmp_path)
    (pattern,) = re.findall("'source.path.regex-pattern' = '(.*)'", statement)
    files = sorted(str(file) for file in tmp_path.rglob("*.csv"))
    assert [file for file in files if re.fullmatch(pattern, file)] == files[:1] + files[2:]
    assert f"'path' = 'file://{tmp_path}'" in statement


@pytest.mark.parametrize("name", ["_a.csv", "_tmp/a.csv"])
def test_what_flink_would_pass_over_is_refused(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    for path in (tmp_path / name, tmp_path / "b.csv"):
        path.touch()
    both = FileSource(paths=(str(tmp_path / name), str(tmp_path / "b.csv")), format="csv", columns={"a": "INT"})
    with pytest.raises(PipelineError, match="passes over"):
        statements(both, run_dir=tmp_path)


def test_csv_holds_no_lists(tmp_path):
    lists = FileSource(paths=("x",), format="csv", columns={"a": "ARRAY<INT>"})
    with pytest.raises(PipelineError, match="no place for ARRAY<INT>"):
        statements(lists, run_dir=tmp_path)


@pytest.mark.parametrize(
    "type_",
    [
        "INTERVAL DAY",
        "ARRAY<INTERVAL YEAR>",
        "VARIANT",
        "NULL",
        "MAP<INT, INT>",
        "MULTISET<INT>",
        "ROW<a MAP<DATE, INT>>",
    ],
)
def test_what_flink_cannot_read_from_json_is_refused(type_, tmp_path):
    (tmp_path / "x").touch()
    files = FileSource(paths=(str(tmp_path / "x"),), format="jsonl", columns={"a": type_})
    memory = MemorySource(columns={"a": type_}, rows=())
    for source in (files, memory):
        with pytest.raises(PipelineError, match=f"'a': JSON has no place for {type_}") as refused:
            statements(source, run_dir=tmp_path)
        assert refused.value.where == "source.columns.a"


@pytest.mark.parametrize("type_", ["INTERVAL DAY", "VARIANT", "MULTISET<STRING>"])
def test_what_no_field_of_a_csv_holds_is_refused(type_, tmp_path):
    with pytest.raises(PipelineError, match=f"'a': csv has no place for {type_}"):
        statements(FileSource(paths=("x",), format="csv", columns={"a": type_}), run_dir=tmp_path)


def test_a_null_key_has_no_word_in_json(tmp_path):
    memory = MemorySource(columns={"m": "MAP<STRING, INT>"}, rows=({"m": {None: 1}},))
    with pytest.raises(DataError, match="a NULL key"):
        statements(memory, run_dir=tmp_path)


def test_rows_in_memory_are_written_in_the_words_of_flinks_json(tmp_path):
    moment = dt.datetime(2013, 1, 1, 5, 15, tzinfo=dt.UTC)
    row = {"z": moment, "b": b"\x00\xff", "d": Decimal("1.50"), "f": float("nan"), "l": [1.5, float("-inf")]}
    row |= {"t": moment.replace(tzinfo=None), "r": {"x": True}, "m": {"k": 1}, "day": moment.date(), "c": "05:15:00"}
    columns = {"z": "TIMESTAMP_LTZ(3)", "b": "BYTES", "d": "DECIMAL(5, 2)", "f": "FLOAT", "l": "ARRAY<DOUBLE>"}
    columns |= {"t": "TIMESTAMP(0)", "r": "ROW<x BOOLEAN, y INT>", "m": "MAP<STRING, INT>", "day": "DATE", "c": "TIME"}
    memory = MemorySource(columns=columns, rows=(row, {}))
    (statement,) = statements(memory, run_dir=tmp_path)
    assert f"'path' = 'file://{tmp_path}/rows.jsonl'" in statement
    first, second = (json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines())
    assert first == {
        "z": "2013-01-01 05:15:00.000Z",
        "b": "AP8=",
        "d": "1.50",
        "f": "NaN",
        "l": [1.5, "-Infinity"],
        "t": "2013-01-01 05:15:00",
        "r": {"x": True, "y": None},
        "m": {"k": 1},
        "day": "2013-01-01",
        "c": "05:15:00",
    }
    assert second == dict.fromkeys(columns)
    again = MemorySource.model_validate_json(memory.model_dump_json())
    read_back = FileSource(paths=(str(tmp_path / "rows.jsonl"),), format="jsonl", columns=columns)
    for source_ in (read_back, memory, again):
        (batch,) = read(source_, list(columns), batch_rows=9)
        assert str(batch.to_pylist()) == str(records(memory).to_pylist())  # as text, for NaN is not NaN


def test_sql_sources_keep_their_statements(tmp_path):
    ddl = "CREATE TABLE t (a STRING) WITH ('x' = 'a;b'); -- one; comment\n/* ; */ CREATE VIEW v AS SELECT * FROM t;"
    made = statements(SqlSource(ddl=ddl, table="v"), run_dir=Path())
    assert made == [
        "CREATE TABLE t (a STRING) WITH ('x' = 'a;b')",
        "-- one; comment\n/* ; */ CREATE VIEW v AS SELECT * FROM t",
        "CREATE TEMPORARY VIEW `source` AS SELECT * FROM `v`",
    ]


def test_split_leaves_out_what_is_empty():
    assert split(" ; -- nothing\n;") == []


def test_quote():
    assert quote("a`b") == "`a``b`"


def test_whole_batches_are_a_column_of_bytes(tmp_path: Path) -> None:
    arrow = FileSource(paths=(str(tmp_path / "a.arrow"),), format="arrow", columns={"a": "INT"}, event_time="a")
    (tmp_path / "a.arrow").touch()
    (made,) = statements(arrow, run_dir=tmp_path)
    assert made.splitlines()[1] == "  `batch` BYTES"
    assert "'format' = 'dlonflink-arrow'" in made
    assert f"'path' = 'file://{tmp_path}/a.arrow'" in made
    assert "WATERMARK" not in made
    assert select(arrow, ["a"]) == "SELECT `batch` FROM `source`"
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "a.parquet", row_group_size=2)
    parquet = FileSource(paths=(str(tmp_path / "a.parquet"),), format="parquet", columns={"a": "INT"})
    (tmp_path / "run").mkdir()
    (made,) = statements(parquet, run_dir=tmp_path / "run")
    assert f"'path' = 'file://{tmp_path}/run/ranges.arrow'" in made
    with pa.ipc.open_stream(str(tmp_path / "run" / "ranges.arrow")) as ranges:
        assert [(row["group"], row["first"], row["rows"]) for row in ranges.read_all().to_pylist()] == [
            (0, 0, 2),
            (1, 0, 1),
        ]
    values = SqlSource(ddl="CREATE TABLE t (b BYTES)", table="t", arrow=ArrowValues(column="b", columns={"a": "INT"}))
    assert select(values, ["a"]) == "SELECT `b` FROM `source`"

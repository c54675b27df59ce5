"""The statements that make the table `source`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlonflink.connectors.ddl import quote, select, split, statements
from dlonflink.connectors.files import FileSource
from dlonflink.connectors.sql import SqlSource
from dlonflink.errors import PipelineError


def source(path: str, **more) -> FileSource:
    return FileSource(paths=(path,), format="csv", columns={"a b": "INT", "ts": "TIMESTAMP_LTZ(3)"}, **more)


def test_a_file_with_an_event_time(tmp_path):
    path = tmp_path / "it's.csv"
    path.touch()
    made = statements(source(str(path), event_time={"column": "ts", "delay": "1500 ms"}), run_dir=tmp_path)
    (statement,) = made
    assert statement == (
        "CREATE TEMPORARY TABLE `source` (\n"
        "  `a b` INT,\n"
        "  `ts` TIMESTAMP_LTZ(3),\n"
        "  WATERMARK FOR `ts` AS `ts` - INTERVAL '1.500' SECOND(1, 3)\n"
        ") WITH (\n"
        "  'connector' = 'filesystem',\n"
        f"  'path' = '{path.as_uri()}',\n"
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


def test_select_prunes_and_wraps(tmp_path):
    assert select(source("x"), ["ts", "a b"]) == "SELECT `ts`, `a b` FROM `source`"
    wrapped = source("x", query="SELECT *, 1 AS one FROM source -- all;\n;")
    assert select(wrapped, ["one"]) == "SELECT `one` FROM (SELECT *, 1 AS one FROM source -- all;\n\n)"


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

"""Text files as the local runtime reads them; the golden csv is read by Java's tests too."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dlonflink.connectors.files import FileSource
from dlonflink.connectors.local import read, schema
from dlonflink.connectors.memory import MemorySource
from dlonflink.connectors.sql import SqlSource
from dlonflink.errors import DataError, PipelineError, SchemaError
from golden_values import GOLDEN, written


def everything(source: Any, columns: Any, batch_rows: int = 1_000) -> pa.Table:
    return pa.Table.from_batches(read(source, columns, batch_rows=batch_rows))


def test_the_golden_csv():
    golden = json.loads((GOLDEN / "csv.json").read_text())
    source = FileSource(paths=(str(GOLDEN / "rows.csv"),), format="csv", columns=golden["columns"])
    table = everything(source, list(golden["columns"]))
    assert table.num_rows == len(golden["rows"])
    for i, expected in enumerate(golden["rows"]):
        for (name, type_), value in zip(golden["columns"].items(), expected, strict=True):
            got = written(table.column(name)[i])
            if type_ == "TIME" and got is not None:
                got = got.removesuffix(".000")
            exact = float(np.float32(value)) if type_ == "FLOAT" and isinstance(value, float) else value
            assert repr(got) == repr(exact), (i, name)  # repr: -0.0 is not 0.0


def file(tmp_path: Path, text: str, name: str = "a.csv") -> str:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return str(path)


def test_columns_are_found_by_name_and_given_in_the_order_asked_for(tmp_path):
    path = file(tmp_path, "more,b,a\n1,2,3\n4,5,6\n")
    source = FileSource(paths=(path,), format="csv", columns={"a": "INT", "b": "BIGINT"})
    assert everything(source, ["b", "a"]).to_pydict() == {"b": [2, 5], "a": [3, 6]}


def test_without_a_header_by_place(tmp_path):
    path = file(tmp_path, "1,x\n2,y\n")
    source = FileSource(paths=(path,), format="csv", columns={"a": "INT", "b": "STRING"}, header=False)
    assert everything(source, ["b"]).to_pydict() == {"b": ["x", "y"]}


@pytest.mark.parametrize(("text", "name"), [("a\n1\n", "a.csv.gz"), ('{"a": 1}\n', "a.jsonl.gz")])
def test_compressed(tmp_path, text, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()))
    source = FileSource(paths=(str(path),), format="csv" if "csv" in name else "jsonl", columns={"a": "INT"})
    assert everything(source, ["a"]).to_pydict() == {"a": [1]}


def test_another_null(tmp_path):
    path = file(tmp_path, 'a,b\nNA,"NA"\n,7\n')
    source = FileSource(paths=(path,), format="csv", columns={"a": "STRING", "b": "INT"}, null="NA")
    assert everything(source, ["a", "b"]).to_pydict() == {"a": [None, ""], "b": [None, 7]}


def test_several_files_in_order_and_batches_cut(tmp_path):
    file(tmp_path, "a\n1\n2\n3\n", "1.csv")
    file(tmp_path, "a\n4\n", "2.csv")
    file(tmp_path, "a\n", "3.csv")
    file(tmp_path, "", "4.csv")
    source = FileSource(paths=(str(tmp_path / "*.csv"),), format="csv", columns={"a": "INT"})
    assert [batch.column(0).to_pylist() for batch in read(source, ["a"], batch_rows=2)] == [[1, 2], [3], [4]]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("INT", "5.0"), ("INT", "0x1F"), ("INT", "2147483648"), ("TINYINT", "128"), ("DOUBLE", "1d"),
        ("DOUBLE", "0x1p3"),
        ("BOOLEAN", "yes"), ("DATE", "2013-02-30"), ("DATE", "2013-1-1"), ("TIMESTAMP(3)", "2013-01-01"),
        ("TIMESTAMP(3)", "2013-01-01 05:15:00Z"), ("TIMESTAMP_LTZ(3)", "2013-01-01 05:15:00"),
        ("TIMESTAMP(3)", "2013-01-01 05:15:00.0001"), ("TIME", "25:00:00"), ("DECIMAL(4, 2)", "1.234"),
        ("DECIMAL(4, 2)", "123"), ("BYTES", "?"),
    ],
)  # fmt: skip
def test_text_that_is_no_value_names_file_row_and_column(tmp_path, type_, text):
    good = {"BOOLEAN": "true", "BYTES": "AA==", "DATE": "2013-01-01", "TIME": "00:00:00"}.get(type_, "1")
    good = "2013-01-01 00:00:00" + "Z" * ("LTZ" in type_) if "STAMP" in type_ else good
    path = file(tmp_path, f"a,b\n{good},1\n{text},2\n")
    source = FileSource(paths=(path,), format="csv", columns={"a": type_, "b": "INT"})
    with pytest.raises(DataError, match="column 'a'") as caught:
        everything(source, ["a"])
    assert caught.value.where == f"{path}, row 2"
    assert text in (caught.value.got or "")


def test_a_column_the_file_lacks(tmp_path):
    path = file(tmp_path, "carrier,b\n1,2\n")
    source = FileSource(paths=(path,), format="csv", columns={"carier": "STRING"})
    with pytest.raises(SchemaError, match="did you mean 'carrier'"):
        everything(source, ["carier"])


@pytest.mark.parametrize(
    ("text", "fix"),
    [("a,b,a\n1,2,3\n", "rename one of them in the file"), ("a;b\n1;2\n", "separate the columns by commas")],
)
def test_a_first_line_that_cannot_be_used(tmp_path, text, fix):
    source = FileSource(paths=(file(tmp_path, text),), format="csv", columns={"a": "INT"})
    with pytest.raises(SchemaError) as refused:
        everything(source, ["a"])
    assert (refused.value.fix or "").startswith(fix)


def test_a_row_too_short(tmp_path):
    path = file(tmp_path, "a,b\n1,2\n3\n")
    with pytest.raises(DataError, match="not CSV"):
        everything(FileSource(paths=(path,), format="csv", columns={"a": "INT"}), ["a"])


def test_jsonl(tmp_path):
    lines = [
        {"a": 1, "s": "Grüße", "l": [1, None], "t": "2013-01-01 05:15:00", "z": "2013-01-01 05:15:00Z", "x": 9},
        {"a": None},
    ]
    path = file(tmp_path, "\n".join(json.dumps(line) for line in lines) + "\n\n", "a.jsonl")
    columns = {"a": "INT", "s": "STRING", "l": "ARRAY<INT>", "t": "TIMESTAMP(3)", "z": "TIMESTAMP_LTZ(3)"}
    rows = everything(FileSource(paths=(path,), format="jsonl", columns=columns), list(columns)).to_pylist()
    moment = dt.datetime(2013, 1, 1, 5, 15)
    assert rows[0] == {"a": 1, "s": "Grüße", "l": [1, None], "t": moment, "z": moment.replace(tzinfo=dt.UTC)}
    assert rows[1] == dict.fromkeys(columns)


@pytest.mark.parametrize(("line", "words"), [("{", "not JSON"), ("[1]", "no row"), ('{"a": "x"}', "column 'a'")])
def test_a_line_that_is_no_row(tmp_path, line, words):
    path = file(tmp_path, '{"a": 1}\n' + line + "\n", "a.jsonl")
    with pytest.raises(DataError, match=words) as caught:
        everything(FileSource(paths=(path,), format="jsonl", columns={"a": "INT"}), ["a"])
    assert caught.value.where is not None
    assert caught.value.where.startswith(path)
    assert caught.value.where.endswith("2")


def test_memory():
    source = MemorySource(columns={"a": "INT", "b": "BYTES"}, rows=({"a": 1, "b": base64.b64encode(b"x").decode()}, {}))
    assert everything(source, ["b", "a"]).to_pylist() == [{"b": b"x", "a": 1}, {"b": None, "a": None}]


def test_no_file(tmp_path):
    with pytest.raises(PipelineError, match="no file matches"):
        everything(FileSource(paths=(str(tmp_path / "no*"),), format="csv", columns={"a": "INT"}), ["a"])


def test_sql_is_for_flink():
    source = SqlSource(ddl="CREATE TABLE t (a INT) WITH ('connector' = 'datagen')", table="t")
    assert schema(source) is None
    with pytest.raises(PipelineError, match="no SQL"):
        next(read(source, ["a"], batch_rows=1))


def test_a_header_may_have_a_mark_blank_lines_before_it_and_quotes(tmp_path):
    path = file(tmp_path, '\ufeff\n"a\nb",c\n\n1,2\n')
    source = FileSource(paths=(path,), format="csv", columns={"c": "INT", "a\nb": "INT"})
    assert everything(source, ["c", "a\nb"]).to_pydict() == {"c": [2], "a\nb": [1]}


@pytest.mark.parametrize(
    ("name", "data", "format_", "words"),
    [
        ("a.csv", b'"a"b\n1\n', "csv", "first line is not CSV"),
        ("a.csv", b"a\xff\n1\n", "csv", "column 'a' is not in the file"),
        ("a.csv", b"a\n" + b"1\n" * 9_999 + b"\xff\n", "csv", "UTF8"),
        ("a.jsonl", b'{"a": "\xff"}\n', "jsonl", "not JSON"),
        ("a.jsonl", b'{"a": NaN}\n', "jsonl", "write it in quotes"),
    ],
)
def test_bytes_that_are_no_text(tmp_path, name, data, format_, words):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        everything(FileSource(paths=(str(path),), format=format_, columns={"a": "STRING"}), ["a"])
    assert words in str(caught.value)
    assert str(path) in (caught.value.where or "")

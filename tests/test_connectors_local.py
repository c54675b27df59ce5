"""Text files as the local runtime reads them; the golden csv is read by Java's tests too."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
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

GOLDEN = Path(__file__).parent.parent / "contract" / "golden"


def everything(source: Any, columns: Any, batch_rows: int = 1_000) -> pa.Table:
    return pa.Table.from_batches(read(source, columns, batch_rows=batch_rows))


def plain(scalar: pa.Scalar) -> Any:
    """A value as contract/golden/csv.json writes it."""
    if not scalar.is_valid:
        return None
    type_ = scalar.type
    if isinstance(type_, pa.TimestampType):
        nanos = scalar.value * {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[type_.unit]
        digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[type_.unit]
        seconds, rest = divmod(nanos, 10**9)
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)
        return f"{moment.isoformat()}.{rest:09d}"[: 20 + digits] + ("Z" if type_.tz else "")
    if pa.types.is_binary(type_):
        return scalar.as_py().hex()
    if pa.types.is_decimal128(type_):
        return str(scalar.as_py())
    if pa.types.is_floating(type_):
        return scalar.as_py()
    value = scalar.as_py()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


def test_the_golden_csv():
    golden = json.loads((GOLDEN / "csv.json").read_text())
    source = FileSource(paths=(str(GOLDEN / "rows.csv"),), format="csv", columns=golden["columns"])
    table = everything(source, list(golden["columns"]))
    assert table.num_rows == len(golden["rows"])
    for i, expected in enumerate(golden["rows"]):
        got = [plain(table.column(c)[i]) for c in range(table.num_columns)]
        for name, one, other in zip(golden["columns"], got, expected, strict=True):
            if isinstance(one, float):
                number = float(str(other).replace("Infinity", "inf"))
                if golden["columns"][name] == "FLOAT":
                    number = float(np.float32(number))
                assert (math.isnan(one) and math.isnan(number)) or one == number, (i, name)
                assert math.copysign(1, one) == math.copysign(1, number) or math.isnan(one), (i, name)
            else:
                assert one == other, (i, name)


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

"""Flink SQL types and Arrow types, and Python values as columns of them."""

from __future__ import annotations

import datetime as dt
import string
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlonflink.errors import DataError, PipelineError, SchemaError
from dlonflink.types import column, parse, sql

_SCALARS = st.one_of(
    st.sampled_from(
        [
            pa.bool_(),
            pa.int8(),
            pa.int16(),
            pa.int32(),
            pa.int64(),
            pa.float32(),
            pa.float64(),
            pa.string(),
            pa.binary(),
            pa.date32(),
            pa.time32("ms"),
            pa.duration("ms"),
            pa.month_day_nano_interval(),
            pa.null(),
            parse("VARIANT", column="x"),
        ]
    ),
    st.builds(pa.timestamp, st.sampled_from(["s", "ms", "us", "ns"]), st.sampled_from([None, "UTC"])),
    st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: pa.decimal128(p, s))),
)
_NAMES = st.text(string.ascii_letters + "_` ,<>'é", min_size=1, max_size=6)


def _has_values(type_: pa.DataType) -> bool:
    return not pa.types.is_null(type_)


def _field(name: str, type_: pa.DataType, nullable: bool) -> pa.Field:
    return pa.field(name, type_, nullable=nullable or pa.types.is_null(type_))


def _nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    fields = st.lists(st.tuples(_NAMES, inner, st.booleans()), max_size=3, unique_by=lambda field: field[0])
    return st.one_of(
        st.builds(lambda t, n: pa.list_(_field("item", t, n)), inner, st.booleans()),
        st.builds(
            lambda k, t, n: pa.map_(k, _field("value", t, n)), _SCALARS.filter(_has_values), inner, st.booleans()
        ),
        st.builds(_nullable_map, _SCALARS, inner, st.booleans()),
        fields.map(lambda all_: pa.struct([_field(*one) for one in all_])),
    )


def _nullable_map(key: pa.DataType, value: pa.DataType, nullable: bool) -> pa.DataType:
    pair = [pa.field("key", key), _field("value", value, nullable)]
    return pa.list_(pa.field("entries", pa.struct(pair), nullable=False))


def same(left: pa.DataType, right: pa.DataType) -> bool:
    """To the names of a list's elements, which `==` leaves out."""
    return left.equals(right, check_metadata=True)


TYPES = st.recursive(_SCALARS, _nested, max_leaves=6)


@given(TYPES)
def test_sql_reads_back_as_the_same_type(type_: pa.DataType) -> None:
    assert same(parse(sql(type_), column="x"), type_)


@given(TYPES, st.randoms())
def test_letter_case_of_names_does_not_matter(type_: pa.DataType, random: object) -> None:
    text = sql(type_)
    if "`" not in text:  # names of ROW fields keep their case
        assert parse(text.lower(), column="x") == type_


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("timestamp", pa.timestamp("us")),
        ("TIMESTAMP(0)", pa.timestamp("s")),
        ("TIMESTAMP(1)", pa.timestamp("ms")),
        ("TIMESTAMP ( 3 ) WITHOUT TIME ZONE", pa.timestamp("ms")),
        ("TIMESTAMP(9) WITH LOCAL TIME ZONE", pa.timestamp("ns", "UTC")),
        ("TIMESTAMP_LTZ", pa.timestamp("us", "UTC")),
        ("DECIMAL", pa.decimal128(10, 0)),
        ("NUMERIC(5)", pa.decimal128(5, 0)),
        ("dec(5, 2)", pa.decimal128(5, 2)),
        ("VARCHAR", pa.string()),
        ("VARCHAR(20) NOT NULL", pa.string()),
        ("CHAR(3) NULL", pa.string()),
        ("DOUBLE PRECISION", pa.float64()),
        ("INTEGER", pa.int32()),
        ("VARBINARY(10)", pa.binary()),
        ("TIME(6)", pa.time32("ms")),
        ("array<bigint not null>", pa.list_(pa.field("item", pa.int64(), nullable=False))),
        ("MAP<STRING NOT NULL, ARRAY<INT>>", pa.map_(pa.string(), pa.list_(pa.int32()))),
        ("MAP<STRING, INT NOT NULL>", _nullable_map(pa.string(), pa.int32(), False)),
        ("MULTISET<STRING>", _nullable_map(pa.string(), pa.int32(), False)),
        ("multiset<INT NOT NULL>", pa.map_(pa.int32(), pa.field("value", pa.int32(), nullable=False))),
        ("INT NOT NULL ARRAY", pa.list_(pa.field("item", pa.int32(), nullable=False))),
        ("INT ARRAY NOT NULL", pa.list_(pa.int32())),
        ("INT MULTISET", _nullable_map(pa.int32(), pa.int32(), False)),
        ("ARRAY<INT> ARRAY", pa.list_(pa.list_(pa.int32()))),
        ("interval day(3) to second(3)", pa.duration("ms")),
        ("INTERVAL DAY", pa.duration("ms")),
        ("INTERVAL DAY(6) TO HOUR", pa.duration("ms")),
        ("INTERVAL HOUR TO SECOND(0)", pa.duration("ms")),
        ("INTERVAL MINUTE", pa.duration("ms")),
        ("INTERVAL SECOND(9)", pa.duration("ms")),
        ("INTERVAL YEAR(4) TO MONTH", pa.month_day_nano_interval()),
        ("INTERVAL YEAR", pa.month_day_nano_interval()),
        ("INTERVAL MONTH NOT NULL", pa.month_day_nano_interval()),
        ("NULL", pa.null()),
        ("ARRAY<NULL>", pa.list_(pa.null())),
        ("RAW('java.lang.String', 'AA==')", pa.binary()),
        (
            "STRUCTURED<'a.b.C', x INT NOT NULL 'comment', `y z` BYTES>",
            pa.struct([pa.field("x", pa.int32(), nullable=False), pa.field("y z", pa.binary())]),
        ),
        ("STRUCTURED<'a.b.C'>", pa.struct([])),
        ("VARIANT", pa.struct([pa.field(part, pa.binary(), nullable=False) for part in ("metadata", "value")])),
        (
            "ROW<a INT 'a comment, with >', `b c` ROW(d DOUBLE NOT NULL)>",
            pa.struct(
                [("a", pa.int32()), ("b c", pa.struct([pa.field("d", pa.float64(), nullable=False)]))],
            ),
        ),
    ],
)
def test_what_flink_writes(text: str, type_: pa.DataType) -> None:
    assert same(parse(text, column="x"), type_)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("STRNG", "did you mean STRING"),
        ("BIGNIT", "did you mean BIGINT"),
        ("", "its type is missing"),
        ("INT INT", "ends before 'INT'"),
        ("DECIMAL(39, 2)", "from 0 to 38"),
        ("DECIMAL(2, 3)", "0 <= s <= p"),
        ("DECIMAL(0)", "p >= 1"),
        ("DECIMAL(1, 2, 3)", "takes 2 numbers"),
        ("TIMESTAMP(10)", "from 0 to 9"),
        ("TIMESTAMP(3) WITH TIME ZONE", "TIMESTAMP_LTZ"),
        ("VARCHAR(0)", "from 1"),
        ("VARCHAR(a)", "from 1"),
        ("ARRAY", "wants '<'"),
        ("ARRAY<INT", "wants '>' where 'the end'"),
        ("MAP<INT>", "wants ','"),
        ("ROW", "needs its fields"),
        ("ROW<INT>", "no Flink SQL type"),
        ("ROW<a INT, a INT>", "two fields 'a'"),
        ("ROW<1 INT>", "without a name"),
        ("INT;", "ends before ';'"),
        ("MULTISET", "wants '<'"),
        ("INT ARRAY ARRAY", "ends before 'ARRAY'"),
        ("INTERVAL", "INTERVAL has 'no unit'"),
        ("INTERVAL WEEK", "wants YEAR or MONTH or DAY"),
        ("INTERVAL HOUR TO DAY", "wants MINUTE or SECOND"),
        ("INTERVAL YEAR TO SECOND", "wants MONTH"),
        ("INTERVAL SECOND TO MINUTE", "wants an end"),
        ("INTERVAL DAY(7)", "from 1 to 6"),
        ("INTERVAL HOUR(2)", "ends before '('"),
        ("NULL NOT NULL", "cannot be NOT NULL"),
        ("RAW('a.B')", "wants ','"),
        ("RAW(a.B, 'AA==')", "in single quotes"),
        ("STRUCTURED<x INT>", "the name of its class"),
        ("SYMBOL", "no Flink SQL type"),
        ("`cat`.`db`.`type`", "no Flink SQL type"),
    ],
)
def test_refusals_name_column_and_text(text: str, says: str) -> None:
    with pytest.raises(PipelineError) as refused:
        parse(text, column="price")
    assert says in str(refused.value)
    assert "'price'" in refused.value.what
    assert refused.value.got == text


@given(st.text("ARRAYMPOWINTDECL<>(),`' 0123456789", max_size=30))
def test_any_text_is_a_type_or_refused(text: str) -> None:
    try:
        type_ = parse(text, column="x")
    except PipelineError:
        return
    assert parse(sql(type_), column="x") == type_


@pytest.mark.parametrize(
    "type_", [pa.uint8(), pa.large_string(), pa.timestamp("ms", "Europe/Berlin"), pa.duration("us")]
)
def test_arrow_types_that_flink_lacks(type_: pa.DataType) -> None:
    with pytest.raises(SchemaError, match="no Flink SQL type"):
        sql(type_)


@pytest.mark.parametrize(
    ("text", "value", "arrow"),
    [
        ("BOOLEAN", True, True),
        ("BOOLEAN", np.bool_(False), False),
        ("TINYINT", -128, -128),
        ("INT", 3.0, 3),
        ("INT", np.int64(3), 3),
        ("BIGINT", 2**63 - 1, 2**63 - 1),
        ("DOUBLE", 1, 1.0),
        ("DOUBLE", "-Infinity", -np.inf),
        ("FLOAT", 0.1, float(np.float32(0.1))),
        ("DECIMAL(5, 2)", 1.005, Decimal("1.01")),
        ("DECIMAL(5, 2)", "-7", Decimal("-7.00")),
        ("DECIMAL(5, 2)", Decimal("999.99"), Decimal("999.99")),
        ("DECIMAL(38, 0)", 10**38 - 1, Decimal(10**38 - 1)),
        ("STRING", "zwölf", "zwölf"),
        ("BYTES", b"\x00\xff", b"\x00\xff"),
        ("BYTES", "AP8=", b"\x00\xff"),
        ("DATE", "2013-01-31", dt.date(2013, 1, 31)),
        ("DATE", dt.date(1969, 12, 31), dt.date(1969, 12, 31)),
        ("TIME(3)", "05:15:00.123456", dt.time(5, 15, 0, 123_000)),
        ("TIME", dt.time(5, 15), dt.time(5, 15)),
        ("TIMESTAMP(3)", "2013-01-01 05:15:00.1239", dt.datetime(2013, 1, 1, 5, 15, 0, 123_000)),
        ("TIMESTAMP(0)", "1969-12-31T23:59:59.5", dt.datetime(1969, 12, 31, 23, 59, 59)),
        ("TIMESTAMP(6)", dt.datetime(2013, 1, 1, 5, 15, 0, 7), dt.datetime(2013, 1, 1, 5, 15, 0, 7)),
        ("TIMESTAMP_LTZ(3)", "2013-01-01 05:15:00Z", dt.datetime(2013, 1, 1, 5, 15, tzinfo=dt.UTC)),
        ("TIMESTAMP_LTZ(3)", "2013-01-01T05:15:00-01:30", dt.datetime(2013, 1, 1, 6, 45, tzinfo=dt.UTC)),
        ("ARRAY<INT>", (1, None), [1, None]),
        ("ARRAY<DATE>", ["2013-01-31"], [dt.date(2013, 1, 31)]),
        ("ARRAY<TIME(3)>", ["05:15:00"], [dt.time(5, 15)]),
        ("ARRAY<BIGINT>", np.array([1, 2]), [1, 2]),
        ("MAP<STRING NOT NULL, INT>", {"a": 1, "b": None}, [("a", 1), ("b", None)]),
        ("MAP<STRING, INT>", {"a": 1, None: None}, [{"key": "a", "value": 1}, {"key": None, "value": None}]),
        ("MULTISET<STRING>", {"a": 2}, [{"key": "a", "value": 2}]),
        ("INTERVAL DAY TO SECOND", dt.timedelta(days=-1, microseconds=1_500), dt.timedelta(days=-1, milliseconds=1)),
        ("INTERVAL HOUR", 3_600_000, dt.timedelta(hours=1)),
        ("INTERVAL YEAR TO MONTH", 14, pa.MonthDayNano([14, 0, 0])),
        ("INTERVAL MONTH", pa.MonthDayNano([-1, 0, 0]), pa.MonthDayNano([-1, 0, 0])),
        ("RAW('a.B', 'AA==')", b"x", b"x"),
        ("NULL", None, None),
        ("ROW<a INT, b ARRAY<STRING>>", {"b": ["x"], "c": 5}, {"a": None, "b": ["x"]}),
    ],
)
def test_values_become_columns(text: str, value: object, arrow: object) -> None:
    array = column([None, value], parse(text, column="x"), name="x")
    array.validate(full=True)
    assert array.to_pylist() == [None, arrow]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("BOOLEAN", 1),
        ("INT", True),
        ("INT", 1.5),
        ("INT", "1"),
        ("INT", float("nan")),
        ("TINYINT", 128),
        ("DOUBLE", "1.0"),
        ("DOUBLE", True),
        ("DOUBLE", 10**400),
        ("DECIMAL(5, 2)", 1000),
        ("DECIMAL(5, 2)", Decimal("NaN")),
        ("DECIMAL(5, 2)", "1e400"),
        ("DECIMAL(5, 2)", "one"),
        ("STRING", 7),
        ("STRING", "\ud800"),
        ("BYTES", "not base64!"),
        ("DATE", "2013-02-30"),
        ("DATE", dt.datetime(2013, 1, 1)),
        ("TIME", "24:00:00"),
        ("TIMESTAMP(3)", 1_357_017_300_000),
        ("TIMESTAMP(3)", "2013-01-01"),
        ("TIMESTAMP(3)", "2013-01-01 05:15:00Z"),
        ("TIMESTAMP_LTZ(3)", "2013-01-01 05:15:00"),
        ("TIMESTAMP(9)", "0001-01-01 00:00:00"),
        ("ARRAY<INT>", "12"),
        ("ARRAY<INT NOT NULL>", [None]),
        ("MAP<STRING, INT>", [1]),
        ("ROW<a INT>", [1]),
        ("MAP<STRING NOT NULL, INT>", {None: 1}),
        ("MULTISET<STRING>", {"a": None}),
        ("INTERVAL DAY TO SECOND", "1 day"),
        ("INTERVAL YEAR TO MONTH", pa.MonthDayNano([1, 1, 0])),
        ("INTERVAL YEAR TO MONTH", 2**31),
        ("VARIANT", {"a": 1}),
        ("NULL", 0),
    ],
)
def test_misfits_name_row_and_column(text: str, value: object) -> None:
    with pytest.raises(DataError, match="column 'price' cannot hold this value") as refused:
        column([None, value], parse(text, column="price"), name="price", first_row=1_000)
    assert refused.value.where == "row 1,001"


def test_sql_form_is_what_flinks_json_takes() -> None:
    zoned = parse("TIMESTAMP_LTZ(3)", column="x")
    assert column(["2013-01-01 05:15:00Z"], zoned, name="x", form="sql")[0].value == 1_357_017_300_000
    for text in ("2013-01-01T05:15:00Z", "2013-01-01 05:15:00+00:00"):
        with pytest.raises(DataError):
            column([text], zoned, name="x", form="sql")

"""The one table: Flink's types, and what each is in Arrow (contract/README.md, section 3). docs/types.md shows it."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

PLAIN: dict[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "VARIANT": pa.struct([pa.field(name, pa.binary(), nullable=False) for name in ("metadata", "value")]),
    "NULL": pa.null(),
}
"""Types without parameters; also the text `sql` writes for them."""

SYNONYMS = {"INTEGER": "INT", "DEC": "DECIMAL", "NUMERIC": "DECIMAL"}
LENGTHS = {"CHAR": pa.string(), "VARCHAR": pa.string(), "BINARY": pa.binary(), "VARBINARY": pa.binary()}
PARAMETERS = (
    "DECIMAL", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL", "ARRAY", "MAP", "MULTISET", "ROW", "STRUCTURED", "RAW"
)  # fmt: skip
NAMES = (*PLAIN, *SYNONYMS, *LENGTHS, *PARAMETERS)

TIME = pa.time32("ms")
RAW = pa.binary()
"""What the type's own serializer writes."""
DAY_TIME = pa.duration("ms")
YEAR_MONTH = pa.month_day_nano_interval()
"""Flink's are months alone: days and nanoseconds are 0. Arrow's interval of months alone is not in pyarrow."""
UNITS = ("s", "ms", "ms", "ms", "us", "us", "us", "ns", "ns", "ns")
"""Unit of TIMESTAMP(p), by p."""
ENTRIES = "entries"
"""Name of the elements of a MAP whose keys may be NULL, by which it is told from an ARRAY of ROWs."""


def array(item: pa.DataType, *, nullable: bool) -> pa.DataType:
    return pa.list_(pa.field("item", item, nullable=nullable))


def mapping(key: pa.DataType, value: pa.DataType, *, key_nullable: bool, value_nullable: bool) -> pa.DataType:
    """MAP and MULTISET. Arrow's maps have no NULL keys; what may have one is a list, of the very same layout."""
    item = pa.field("value", value, nullable=value_nullable)
    if not key_nullable:
        return pa.map_(key, item)
    return pa.list_(pa.field(ENTRIES, pa.struct([pa.field("key", key), item]), nullable=False))


def entries(type_: pa.DataType) -> tuple[pa.Field, pa.Field] | None:
    """Key and value of a MAP in either form; None for any other type."""
    if isinstance(type_, pa.MapType):
        return type_.key_field, type_.item_field
    if not isinstance(type_, pa.ListType) or type_.value_field.name != ENTRIES or type_.value_field.nullable:
        return None
    pair = type_.value_type
    if not isinstance(pair, pa.StructType) or [field.name for field in pair] != ["key", "value"]:
        return None
    return (pair.field(0), pair.field(1)) if pair.field(0).nullable else None


class Line(NamedTuple):
    """A line of docs/types.md: a type as Flink writes it, an instance that `parse` takes, and what else to know."""

    flink: str
    instance: str
    values: str
    """A value in Python, as pyarrow gives it and `column` takes it."""
    note: str = ""


LINES = (
    Line("BOOLEAN", "BOOLEAN", "bool"),
    Line("TINYINT, SMALLINT, INT, BIGINT", "BIGINT", "int", "int8, int16, int32, int64; event time: BIGINT, in ms"),
    Line("FLOAT, DOUBLE", "DOUBLE", "float", "FLOAT is float32"),
    Line("DECIMAL(p, s)", "DECIMAL(10, 2)", "decimal.Decimal"),
    Line("CHAR(n), VARCHAR(n), STRING", "STRING", "str", "lengths are not kept"),
    Line("BINARY(n), VARBINARY(n), BYTES", "BYTES", "bytes", "lengths are not kept"),
    Line("DATE", "DATE", "datetime.date"),
    Line("TIME(p)", "TIME(3)", "datetime.time", "Flink itself keeps milliseconds at most"),
    Line("TIMESTAMP(p)", "TIMESTAMP(3)", "datetime.datetime", "p 0: s; 1..3: ms; 4..6: us; 7..9: ns"),
    Line("TIMESTAMP_LTZ(p)", "TIMESTAMP_LTZ(3)", "datetime.datetime, in UTC", "units as TIMESTAMP's"),
    Line("INTERVAL DAY TO SECOND", "INTERVAL DAY TO SECOND(3)", "datetime.timedelta", "and its parts: HOUR, ..."),
    Line("INTERVAL YEAR TO MONTH", "INTERVAL YEAR TO MONTH", "pyarrow.MonthDayNano", "months; days and ns are 0"),
    Line("ARRAY<T>", "ARRAY<BIGINT>", "list", "of BIGINT, for instance; `hashed` pools its elements"),
    Line("MAP<K NOT NULL, V>", "MAP<STRING NOT NULL, INT>", "list of (key, value)", "given as a dict"),
    Line("MAP<K, V>", "MAP<STRING, INT>", "list of {key, value}", "Arrow's maps have no NULL keys; given as a dict"),
    Line("MULTISET<T>", "MULTISET<STRING>", "list of {key, value}", "MAP<T, INT NOT NULL>: each element, its count"),
    Line("ROW<...>, structured types", "ROW<a INT, b STRING NOT NULL>", "dict"),
    Line("VARIANT", "VARIANT", "dict of two bytes", "an encoded Parquet variant, as Flink holds it"),
    Line("RAW('class', 'snapshot')", "RAW('a.B', 'AA==')", "bytes", "what the type's serializer writes"),
    Line("NULL", "NULL", "None"),
    Line("distinct types", "BIGINT", "of the source type", "e.g. of BIGINT"),
)

"""An Arrow type -> the text of its Flink SQL type, by the table."""

from __future__ import annotations

import pyarrow as pa

from dlonflink.errors import SchemaError
from dlonflink.types import table

_PRECISION = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def sql(type_: pa.DataType) -> str:
    """The Flink SQL type of an Arrow type, so that `parse(sql(t)) == t`; a MULTISET is written as the MAP it is.

    Raises SchemaError where Flink has none (unsigned integers, dictionaries, large strings, other zones than UTC).
    """
    for name, plain in table.PLAIN.items():
        if type_ == plain:
            return name
    for name, plain in _LONG.items():
        if type_ == plain:
            return name
    if isinstance(type_, pa.Decimal128Type) and 0 <= type_.scale <= type_.precision:
        return f"DECIMAL({type_.precision}, {type_.scale})"
    if isinstance(type_, pa.TimestampType) and type_.tz in (None, "UTC"):
        return f"TIMESTAMP{'_LTZ' if type_.tz else ''}({_PRECISION[type_.unit]})"
    if pair := table.entries(type_):
        return f"MAP<{_field(pair[0])}, {_field(pair[1])}>"
    if isinstance(type_, pa.ListType):
        return f"ARRAY<{_field(type_.value_field)}>"
    if isinstance(type_, pa.StructType):
        return f"ROW<{', '.join(f'{quote(field.name)} {_field(field)}' for field in type_)}>"
    raise SchemaError(
        f"the Arrow type {type_} has no Flink SQL type",
        expected=", ".join((*table.PLAIN, *table.PARAMETERS)),
        got=str(type_),
        fix="cast the column first",
    )


_LONG = {
    "TIME(3)": table.TIME,
    "INTERVAL DAY(6) TO SECOND(3)": table.DAY_TIME,
    "INTERVAL YEAR(4) TO MONTH": table.YEAR_MONTH,
}


def _field(field: pa.Field) -> str:
    return sql(field.type) + ("" if field.nullable else " NOT NULL")


def quote(name: str) -> str:
    """An identifier."""
    return "`" + name.replace("`", "``") + "`"

"""Python values to Arrow columns: rows given in Python, in JSON, or in a request.

A value must be of its column's kind; nothing is guessed from text but what JSON has no other way to write: times,
DECIMAL, BYTES (base64), and the floats NaN, Infinity and -Infinity.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa

from dlonflink.errors import DataError, short
from dlonflink.types import table
from dlonflink.types.text import sql

Convert = Callable[[Any], object]
Form = Literal["iso", "sql"]

_CLOCK = r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
_SQL = re.compile(r"(\d{4})-(\d\d)-(\d\d) " + _CLOCK + r"(Z)?", re.ASCII)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T]" + _CLOCK + r"(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(_CLOCK, re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = _EPOCH.date().toordinal()
_NANOS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DECIMALS = Context(prec=76, rounding=ROUND_HALF_UP)


class _Misfit(ValueError):  # noqa: N818 - never leaves this module
    """A value is not of its column's kind; becomes a DataError, which knows where."""


def column(
    values: Iterable[object], type_: pa.DataType, *, name: str, first_row: int = 1, form: Form = "iso"
) -> pa.Array:
    """One column from Python values; None is NULL.

    Times may be `datetime` objects or text: `2013-01-01 05:15:00.123`, or with a `T` between. A TIMESTAMP_LTZ needs
    its `Z` or offset, a TIMESTAMP must have none. `form="sql"`: text as Flink's json format wants it, so with a space
    and a `Z`. What is finer than the column's unit is cut off; a DECIMAL is rounded half up to its scale.

    Raises DataError, naming the row (the first is `first_row`) and the column.
    """
    convert = _nullable(_converter(type_, form))
    converted: list[object] = []
    for value in values:
        try:
            converted.append(convert(value))
        except (ValueError, OverflowError) as misfit:
            raise DataError(
                f"column {name!r} cannot hold this value: {misfit}",
                where=f"row {first_row + len(converted):,}",
                expected=sql(type_),
                got=f"{short(repr(value), 60)} ({type(value).__name__})",
            ) from None
    return pa.array(converted, type_)


def _nullable(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _converter(type_: pa.DataType, form: Form) -> Convert:
    """Value -> what `pa.array` takes for this type without changing it; raises ValueError or OverflowError."""
    if pa.types.is_boolean(type_):
        return _boolean
    if pa.types.is_integer(type_):
        return _integer(type_.bit_width)
    if pa.types.is_floating(type_):
        return _number
    if pa.types.is_string(type_):
        return _string
    if pa.types.is_binary(type_):
        return _bytes
    if pa.types.is_date32(type_):
        return _date
    if pa.types.is_time32(type_):
        return _time
    if isinstance(type_, pa.Decimal128Type):
        return _decimal(type_.precision, type_.scale)
    if isinstance(type_, pa.TimestampType):
        return _timestamp(type_, form)
    if type_ == table.DAY_TIME:
        return _milliseconds
    if type_ == table.YEAR_MONTH:
        return _months
    return _nested(type_, form)


def _nested(type_: pa.DataType, form: Form) -> Convert:
    if type_ == table.PLAIN["VARIANT"]:
        return _refuse("a VARIANT is made by SQL: declare STRING, and PARSE_JSON it in source.query")
    if pa.types.is_null(type_):
        return _refuse("the column is NULL in every row")
    if pair := table.entries(type_):
        return _map(_field(pair[0], form), _field(pair[1], form), as_pairs=isinstance(type_, pa.MapType))
    if isinstance(type_, pa.ListType):
        return _array(_field(type_.value_field, form))
    if isinstance(type_, pa.StructType):
        return _row({field.name: _field(field, form) for field in type_})
    return _refuse(f"values of {type_} cannot be given")


def _refuse(what: str) -> Convert:
    def refuse(_: Any) -> object:
        raise _Misfit(what)

    return refuse


def _field(field: pa.Field, form: Form) -> Convert:
    convert = _converter(field.type, form)
    if field.nullable:
        return _nullable(convert)

    def present(value: Any) -> object:
        if value is None:
            raise _Misfit(f"NULL in {field.name!r}, which is NOT NULL")
        return convert(value)

    return present


def _plain(value: Any) -> Any:
    """A numpy scalar as the Python object it stands for."""
    return cast("np.generic", value).item() if isinstance(value, np.generic) else value


def _boolean(value: Any) -> bool:
    value = _plain(value)
    if not isinstance(value, bool):
        raise _Misfit("not true or false")
    return value


def _integer(bits: int) -> Convert:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1

    def integer(value: Any) -> int:
        value = _plain(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _Misfit("not a whole number")
        if not low <= value <= high:
            raise _Misfit("out of range")
        return value

    return integer


_INT, _LONG = _integer(32), _integer(64)


def _number(value: Any) -> float:
    value = _plain(value)
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Misfit("not a number")
    return float(value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _Misfit("not text")
    if not value.isascii():
        value.encode()  # half a surrogate pair, which JSON can hold, raises a ValueError
    return value


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return base64.b64decode(value, validate=True)
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _Misfit("neither bytes nor base64 text")
    return bytes(cast("bytes | bytearray", value))


def _decimal(precision: int, scale: int) -> Convert:
    unit = Decimal(1).scaleb(-scale)
    limit = Decimal(1).scaleb(precision - scale)

    def decimal(value: Any) -> Decimal:
        value = _plain(value)
        if isinstance(value, float):
            value = repr(value)  # the shortest text that reads back as this float
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise _Misfit("not a number")
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value).quantize(unit, context=_DECIMALS)
        except InvalidOperation:
            raise _Misfit("not a number of this size") from None
        if not number.is_finite() or number.copy_abs() >= limit:
            raise _Misfit("too many digits")
        return number

    return decimal


def _date(value: Any) -> int:
    if isinstance(value, str) and _DAY.fullmatch(value):
        value = dt.date.fromisoformat(value)
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise _Misfit("not a date such as 2013-01-31")
    return value.toordinal() - _EPOCH_DAY


def _time(value: Any) -> int:
    if isinstance(value, str):
        match = _TIME.fullmatch(value)
        if not match:
            raise _Misfit("not a time such as 05:15:00")
        dt.time(int(match[1]), int(match[2]), int(match[3]))  # ranges
        seconds = (int(match[1]) * 60 + int(match[2])) * 60 + int(match[3])
        return seconds * 1_000 + int((match[4] or "").ljust(9, "0")) // 1_000_000
    if not isinstance(value, dt.time) or value.tzinfo is not None:
        raise _Misfit("not a time such as 05:15:00")
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000 + value.microsecond // 1_000


def _timestamp(type_: pa.TimestampType, form: Form) -> Convert:
    divisor = _NANOS[type_.unit]
    zoned = type_.tz is not None

    def timestamp(value: Any) -> int:
        nanoseconds = 0
        if isinstance(value, str):
            value, nanoseconds = _parse_timestamp(value, _SQL if form == "sql" else _ISO)
        if not isinstance(value, dt.datetime):
            raise _Misfit("not a time such as 2013-01-31 05:15:00")
        if zoned is (value.tzinfo is None):
            raise _Misfit("no zone: write a Z at its end" if zoned else "it has a zone, the column has none")
        since = (value if zoned else value.replace(tzinfo=dt.UTC)) - _EPOCH
        micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        ticks = (micros * 1_000 + nanoseconds) // divisor
        if not -(2**63) <= ticks < 2**63:
            raise _Misfit("out of range")
        return ticks

    return timestamp


def _parse_timestamp(text: str, form: re.Pattern[str]) -> tuple[dt.datetime, int]:
    """The time to the second, with its zone where the text has one, and the nanoseconds beyond."""
    match = form.fullmatch(text)
    if not match:
        raise _Misfit("not a time such as 2013-01-31 05:15:00")
    zone = "+00:00" if match[8] == "Z" else match[8] or ""
    whole = dt.datetime.fromisoformat(f"{match[1]}-{match[2]}-{match[3]}T{match[4]}:{match[5]}:{match[6]}{zone}")
    return whole, int((match[7] or "").ljust(9, "0"))


def _milliseconds(value: Any) -> object:
    """INTERVAL DAY TO SECOND."""
    if isinstance(value, dt.timedelta):
        value = value // dt.timedelta(milliseconds=1)
    return _LONG(value)


def _months(value: Any) -> tuple[object, int, int]:
    """INTERVAL YEAR TO MONTH."""
    if isinstance(value, pa.MonthDayNano) and value.days == value.nanoseconds == 0:
        value = value.months
    return _INT(value), 0, 0


def _array(convert: Convert) -> Convert:
    def array(value: Any) -> list[object]:
        if isinstance(value, np.ndarray):
            value = cast("list[object]", value.tolist())
        if not isinstance(value, list | tuple):
            raise _Misfit("not a list")
        return [convert(item) for item in cast("Sequence[object]", value)]

    return array


def _map(key: Convert, item: Convert, *, as_pairs: bool) -> Convert:
    def entries(value: Any) -> list[object]:
        if not isinstance(value, Mapping):
            raise _Misfit("not a mapping")
        pairs = [(key(k), item(v)) for k, v in cast("Mapping[object, object]", value).items()]
        return list(pairs) if as_pairs else [{"key": k, "value": v} for k, v in pairs]

    return entries


def _row(fields: Mapping[str, Convert]) -> Convert:
    def row(value: Any) -> dict[str, object]:
        if not isinstance(value, Mapping):
            raise _Misfit("not a mapping")
        given = cast("Mapping[str, object]", value)
        return {name: convert(given.get(name)) for name, convert in fields.items()}

    return row

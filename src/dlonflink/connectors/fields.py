"""Text to values, by the rules of the csv format that our jar brings to Flink: one column at a time.

Spaces and tabs around a value that is no STRING do not count. BOOLEAN: true, false (any case), 1, 0. Integers: decimal
digits with an optional sign. FLOAT, DOUBLE: `1`, `-.5`, `1e3`, NaN, Infinity (inf; any case). DECIMAL: the same
without the words, and no digits that its scale has no room for. DATE `2013-01-31`; TIME `05:15[:00[.123]]`; TIMESTAMP
both, with a space or T between them; TIMESTAMP_LTZ the same in UTC, with its Z. BYTES: base64.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from dlonflink.errors import DataError
from dlonflink.types import sql

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
_FRACTION = re.compile(r"(\.\d*?)0+(?=Z?$)")


def parse_fields(texts: pa.Array, field: pa.Field, *, file: str, first_row: int) -> pa.Array:
    """A column of `field`'s type from STRING; NULL stays NULL. `first_row`: number of the first row, from 1.

    Raises DataError with file, row and column for the first text that is no such value.
    """
    type_ = field.type
    if pa.types.is_string(type_):
        return texts
    trimmed = pc.utf8_trim(texts, " \t")
    if pa.types.is_binary(type_):
        return pa.array(_each(_base64, texts, field, file, first_row), type_)
    try:
        if _plainly(trimmed, type_):
            return _cast(trimmed, type_)
    except ValueError:  # Arrow's own among them
        pass  # a value that only the rules in full take, or none: they say which
    return _slowly(trimmed, field, file, first_row)


def _plainly(texts: pa.Array, type_: pa.DataType) -> bool:
    """Whether Arrow's own reading cannot take what our rules refuse.

    In numbers, all it has beyond them are hexadecimal digits and `nan(...)`; the rest is checked by form.
    """
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return not pc.any(pc.match_substring_regex(texts, "[xX(]")).as_py()
    return pc.all(pc.match_substring_regex(texts, f"^(?:{_form(type_)})$")).as_py() is not False


def _form(type_: pa.DataType) -> str:
    if pa.types.is_boolean(type_):
        return "(?i:true|false|1|0)"
    if pa.types.is_integer(type_):
        return r"[+-]?\d+"
    if pa.types.is_floating(type_):
        return _NUMBER + "|(?i:[+-]?(?:nan|inf|infinity))"
    if pa.types.is_decimal128(type_):
        return _NUMBER
    if pa.types.is_date32(type_):
        return _DATE
    if pa.types.is_time32(type_):
        return _TIME
    zone = "Z" if type_.tz is not None else ""
    return f"{_DATE}[ T]{_TIME}{zone}"


def _cast(texts: pa.Array, type_: pa.DataType) -> pa.Array:
    if pa.types.is_time32(type_):  # Arrow has no cast for it
        return pa.array([None if text is None else dt.time.fromisoformat(text) for text in texts.to_pylist()], type_)
    if not pa.types.is_boolean(type_):
        return pc.cast(texts, type_)
    true = pc.is_in(pc.ascii_lower(texts), pa.array(["true", "1"]))
    return pc.if_else(pc.is_valid(texts), true, pa.scalar(None, pa.bool_()))


def _slowly(texts: pa.Array, field: pa.Field, file: str, first_row: int) -> pa.Array:
    form = re.compile(_form(field.type), re.ASCII)

    def value(text: str) -> pa.Scalar:
        if not form.fullmatch(text):
            raise ValueError(text)
        # Arrow takes no plus sign, and no more digits of a second than its unit has, be they zeros.
        plain = _FRACTION.sub(r"\1", text).replace(".Z", "Z").rstrip(".") if ":" in text else text.removeprefix("+")
        return _cast(pa.array([plain]), field.type)[0]

    scalars = _each(value, texts, field, file, first_row)
    return pa.array(scalars, field.type)


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _each(
    convert: Callable[[str], object], texts: pa.Array, field: pa.Field, file: str, first_row: int
) -> list[object]:
    values: list[object] = []
    for text in texts.to_pylist():
        try:
            values.append(None if text is None else convert(text))
        except (ValueError, binascii.Error):
            raise DataError(
                f"column {field.name!r} does not hold what its type says",
                where=f"{file}, row {first_row + len(values):,}",
                expected=sql(field.type),
                got=repr(str(text)[:100]),
                fix="correct the file, or declare the column as STRING and use TRY_CAST in source.query",
            ) from None
    return values

"""Flink SQL type <-> Arrow type: one table, both ways (contract/README.md, section 3).

What Flink has and we do not carry: INTERVAL, MULTISET, RAW, structured types, and TIMESTAMP WITH TIME ZONE, whose
values Flink itself cannot hold.
"""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple, NoReturn

import pyarrow as pa

from dlonflink.errors import PipelineError, SchemaError

_PLAIN: dict[str, pa.DataType] = {
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
}
"""Types without parameters; also the text `sql` writes for them."""

_SYNONYMS = {"INTEGER": "INT", "DEC": "DECIMAL", "NUMERIC": "DECIMAL"}
_LENGTHS = {"CHAR": pa.string(), "VARCHAR": pa.string(), "BINARY": pa.binary(), "VARBINARY": pa.binary()}
_PARAMETERS = ("DECIMAL", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "ARRAY", "MAP", "ROW")
_NAMES = (*_PLAIN, *_SYNONYMS, *_LENGTHS, *_PARAMETERS)

_TIME = pa.time32("ms")
_UNITS = ("s", "ms", "ms", "ms", "us", "us", "us", "ns", "ns", "ns")
"""Unit of TIMESTAMP(p), by p."""
_PRECISION = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_MAX_DIGITS = 38
_MAX_LENGTH = 2**31 - 1

_TOKEN = re.compile(r"\s*(?:(\w+)|(`(?:[^`]|``)+`)|('(?:[^']|'')*')|([<>(),])|(\S))")


def parse(text: str, *, column: str) -> pa.DataType:
    """The Arrow type of a Flink SQL type, e.g. `ARRAY<BIGINT NOT NULL>`; names in any case.

    As in Flink, DECIMAL is DECIMAL(10, 0), TIMESTAMP is TIMESTAMP(6), CHAR is CHAR(1); lengths and the precision of
    TIME are checked and dropped. A NOT NULL of the whole is dropped, for a column can always be NULL.

    Raises PipelineError, naming `column`, for anything else.
    """
    reader = _Reader(text)
    try:
        kind = reader.type().type
        reader.end()
    except _Refused as refused:
        raise PipelineError(
            f"column {column!r}: {refused.what}",
            where=f"source.columns.{column}",
            expected=refused.expected,
            got=text,
            fix=refused.fix,
        ) from None
    return kind


def sql(type_: pa.DataType) -> str:
    """The Flink SQL type of an Arrow type, so that `parse(sql(t)) == t`.

    Raises SchemaError where Flink has none (unsigned integers, dictionaries, large strings, other zones than UTC).
    """
    for name, plain in _PLAIN.items():
        if type_ == plain:
            return name
    if type_ == _TIME:
        return "TIME(3)"
    if isinstance(type_, pa.Decimal128Type) and 0 <= type_.scale <= type_.precision:
        return f"DECIMAL({type_.precision}, {type_.scale})"
    if isinstance(type_, pa.TimestampType) and type_.tz in (None, "UTC"):
        return f"TIMESTAMP{'_LTZ' if type_.tz else ''}({_PRECISION[type_.unit]})"
    if isinstance(type_, pa.ListType):
        return f"ARRAY<{_field_sql(type_.value_field)}>"
    if isinstance(type_, pa.MapType):
        return f"MAP<{sql(type_.key_type)}, {_field_sql(type_.item_field)}>"
    if isinstance(type_, pa.StructType):
        return f"ROW<{', '.join(f'{_quote(field.name)} {_field_sql(field)}' for field in type_)}>"
    raise SchemaError(
        f"the Arrow type {type_} has no Flink SQL type",
        expected=", ".join((*_PLAIN, *_PARAMETERS)),
        got=str(type_),
        fix="cast the column first",
    )


def _field_sql(field: pa.Field) -> str:
    return sql(field.type) + ("" if field.nullable else " NOT NULL")


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, what: str, expected: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what, self.expected, self.fix = what, expected, fix


class _Nullable(NamedTuple):
    type: pa.DataType
    nullable: bool


class _Reader:
    """Recursive descent over the tokens of one type; a token that is not at hand is the empty string."""

    def __init__(self, text: str) -> None:
        self._tokens = [next(group for group in match if group) for match in _TOKEN.findall(text)]
        self._at = 0

    def type(self) -> _Nullable:
        name = self._next().upper()
        name = _SYNONYMS.get(name, name)
        if name in _PLAIN:
            if name == "DOUBLE":
                self._words("PRECISION")
            kind = _PLAIN[name]
        elif name in _LENGTHS:
            self._numbers(name, (1,), 1, _MAX_LENGTH)
            kind = _LENGTHS[name]
        elif name in _PARAMETERS:
            kind = self._parameterized(name)
        else:
            self._unknown(name)
        if self._words("NOT", "NULL"):
            return _Nullable(kind, False)
        self._words("NULL")
        return _Nullable(kind, True)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise _Refused(f"its type ends before {self._tokens[self._at]!r}", "one Flink SQL type")

    def _parameterized(self, name: str) -> pa.DataType:
        match name:
            case "DECIMAL":
                digits, scale = self._numbers(name, (10, 0), 0, _MAX_DIGITS)
                if digits < 1 or scale > digits:
                    raise _Refused(f"DECIMAL({digits}, {scale}) is no type", "DECIMAL(p, s) with 0 <= s <= p, p >= 1")
                return pa.decimal128(digits, scale)
            case "TIME":
                self._numbers(name, (0,), 0, 9)
                self._words("WITHOUT", "TIME", "ZONE")
                return _TIME
            case "TIMESTAMP" | "TIMESTAMP_LTZ":
                return self._timestamp(name)
            case "ARRAY":
                return self._array()
            case "MAP":
                return self._map()
            case _:
                return self._row()

    def _timestamp(self, name: str) -> pa.DataType:
        unit = _UNITS[self._numbers(name, (6,), 0, 9)[0]]
        if name == "TIMESTAMP_LTZ" or self._words("WITH", "LOCAL", "TIME", "ZONE"):
            return pa.timestamp(unit, "UTC")
        if self._words("WITH", "TIME", "ZONE"):
            raise _Refused(
                "TIMESTAMP WITH TIME ZONE is not carried by Flink's tables", fix="did you mean TIMESTAMP_LTZ(3)?"
            )
        self._words("WITHOUT", "TIME", "ZONE")
        return pa.timestamp(unit)

    def _array(self) -> pa.DataType:
        self._expect("<", "ARRAY")
        item = self.type()
        self._expect(">", "ARRAY")
        return pa.list_(pa.field("item", item.type, nullable=item.nullable))

    def _map(self) -> pa.DataType:
        self._expect("<", "MAP")
        key = self.type().type  # Arrow's keys are never NULL
        self._expect(",", "MAP")
        value = self.type()
        self._expect(">", "MAP")
        return pa.map_(key, pa.field("value", value.type, nullable=value.nullable))

    def _row(self) -> pa.DataType:
        opening = self._next()
        closing = {"<": ">", "(": ")"}.get(opening)
        if closing is None:
            raise _Refused("ROW needs its fields", "ROW<name TYPE, ...>")
        fields: list[pa.Field] = []
        while not self._words(closing):
            if fields:
                self._expect(",", "ROW")
            name = self._next()
            if not name or not (name.startswith("`") or name.isidentifier()):
                raise _Refused("ROW has a field without a name", "ROW<name TYPE, ...>")
            name = name[1:-1].replace("``", "`") if name.startswith("`") else name
            if any(field.name == name for field in fields):
                raise _Refused(f"ROW has two fields {name!r}")
            kind = self.type()
            if self._peek().startswith("'"):
                self._next()  # a comment
            fields.append(pa.field(name, kind.type, nullable=kind.nullable))
        return pa.struct(fields)

    def _numbers(self, name: str, defaults: tuple[int, ...], low: int, high: int) -> tuple[int, ...]:
        """Reads `(n, ...)` where it stands, at most as many as `defaults`."""
        if not self._words("("):
            return defaults
        numbers: list[int] = []
        while True:
            token = self._next()
            if not (token.isascii() and token.isdigit()) or not low <= int(token) <= high:
                raise _Refused(f"{name}({token}) is no type", f"a number from {low} to {high}")
            numbers.append(int(token))
            if self._words(")"):
                return (*numbers, *defaults[len(numbers) :])
            if len(numbers) == len(defaults):
                raise _Refused(f"{name} takes {len(defaults)} number{'s' * (len(defaults) > 1)}", f"{name}(n)")
            self._expect(",", name)

    def _expect(self, token: str, name: str) -> None:
        if not self._words(token):
            raise _Refused(f"{name} wants {token!r} where {self._peek() or 'the end'!r} stands")

    def _words(self, *words: str) -> bool:
        """Takes these tokens if all of them come next."""
        taken = [token.upper() for token in self._tokens[self._at : self._at + len(words)]] == list(words)
        self._at += len(words) * taken
        return taken

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _unknown(self, name: str) -> NoReturn:
        close = difflib.get_close_matches(name, _NAMES, 2)
        fix = f"did you mean {' or '.join(close)}?" if close else None
        raise _Refused(
            f"{name} is no Flink SQL type" if name else "its type is missing", ", ".join((*_PLAIN, *_PARAMETERS)), fix
        )

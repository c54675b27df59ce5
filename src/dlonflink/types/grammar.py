"""The text of a Flink SQL type -> its Arrow type, by the table."""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple, NoReturn

import pyarrow as pa

from dlonflink.errors import PipelineError
from dlonflink.types import table

_MAX_DIGITS = 38
_MAX_LENGTH = 2**31 - 1
_INTERVALS = {
    "YEAR": ("MONTH",),
    "MONTH": (),
    "DAY": ("HOUR", "MINUTE", "SECOND"),
    "HOUR": ("MINUTE", "SECOND"),
    "MINUTE": ("SECOND",),
    "SECOND": (),
}
"""First unit of an INTERVAL -> those that may follow TO."""
_INTERVAL_DIGITS = {"YEAR": (2, 1, 4), "DAY": (2, 1, 6), "SECOND": (6, 0, 9)}
"""Units that take a precision: its default, its least and its most."""

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


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, what: str, expected: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what, self.expected, self.fix = what, expected, fix


class _Nullable(NamedTuple):
    type: pa.DataType
    nullable: bool


def _multiset(item: _Nullable) -> pa.DataType:
    return table.mapping(item.type, table.PLAIN["INT"], key_nullable=item.nullable, value_nullable=False)


class _Reader:
    """Recursive descent over the tokens of one type; a token that is not at hand is the empty string."""

    def __init__(self, text: str) -> None:
        self._tokens = [next(group for group in match if group) for match in _TOKEN.findall(text)]
        self._at = 0

    def type(self) -> _Nullable:
        one = self._nullable(self._named())
        if self._words("ARRAY"):
            return self._nullable(table.array(one.type, nullable=one.nullable))
        if self._words("MULTISET"):
            return self._nullable(_multiset(one))
        return one

    def _named(self) -> pa.DataType:
        name = self._next().upper()
        name = table.SYNONYMS.get(name, name)
        if name in table.PLAIN:
            if name == "DOUBLE":
                self._words("PRECISION")
            return table.PLAIN[name]
        if name in table.LENGTHS:
            self._numbers(name, (1,), 1, _MAX_LENGTH)
            return table.LENGTHS[name]
        if name not in table.PARAMETERS:
            self._unknown(name)
        return self._parameterized(name)

    def _nullable(self, kind: pa.DataType) -> _Nullable:
        if self._words("NOT", "NULL"):
            if pa.types.is_null(kind):
                raise _Refused("NULL cannot be NOT NULL")
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
                return table.TIME
            case "TIMESTAMP" | "TIMESTAMP_LTZ":
                return self._timestamp(name)
            case "INTERVAL":
                return self._interval()
            case "ARRAY" | "MULTISET":
                self._expect("<", name)
                item = self.type()
                self._expect(">", name)
                return _multiset(item) if name == "MULTISET" else table.array(item.type, nullable=item.nullable)
            case "MAP":
                return self._map()
            case "ROW":
                return self._row()
            case "STRUCTURED":
                return self._structured()
            case _:
                return self._raw()

    def _timestamp(self, name: str) -> pa.DataType:
        unit = table.UNITS[self._numbers(name, (6,), 0, 9)[0]]
        if name == "TIMESTAMP_LTZ" or self._words("WITH", "LOCAL", "TIME", "ZONE"):
            return pa.timestamp(unit, "UTC")
        if self._words("WITH", "TIME", "ZONE"):
            raise _Refused(
                "TIMESTAMP WITH TIME ZONE is not carried by Flink's tables", fix="did you mean TIMESTAMP_LTZ(3)?"
            )
        self._words("WITHOUT", "TIME", "ZONE")
        return pa.timestamp(unit)

    def _interval(self) -> pa.DataType:
        first = self._interval_unit(tuple(_INTERVALS))
        if self._words("TO"):
            self._interval_unit(_INTERVALS[first])
        return table.YEAR_MONTH if first in ("YEAR", "MONTH") else table.DAY_TIME

    def _interval_unit(self, known: tuple[str, ...]) -> str:
        unit = self._next().upper()
        if unit not in known:
            raise _Refused(f"INTERVAL has {unit or 'no unit'!r} where it wants {' or '.join(known) or 'an end'}")
        if unit in _INTERVAL_DIGITS:
            usual, least, most = _INTERVAL_DIGITS[unit]
            self._numbers(unit, (usual,), least, most)
        return unit

    def _map(self) -> pa.DataType:
        self._expect("<", "MAP")
        key = self.type()
        self._expect(",", "MAP")
        value = self.type()
        self._expect(">", "MAP")
        return table.mapping(key.type, value.type, key_nullable=key.nullable, value_nullable=value.nullable)

    def _structured(self) -> pa.DataType:
        self._expect("<", "STRUCTURED")
        self._string("STRUCTURED", "the name of its class")
        if self._words(">"):
            return pa.struct([])
        self._expect(",", "STRUCTURED")
        return self._fields("STRUCTURED", ">")

    def _raw(self) -> pa.DataType:
        self._expect("(", "RAW")
        self._string("RAW", "the name of its class")
        self._expect(",", "RAW")
        self._string("RAW", "its serializer's snapshot")
        self._expect(")", "RAW")
        return table.RAW

    def _row(self) -> pa.DataType:
        opening = self._next()
        closing = {"<": ">", "(": ")"}.get(opening)
        if closing is None:
            raise _Refused("ROW needs its fields", "ROW<name TYPE, ...>")
        return self._fields("ROW", closing)

    def _fields(self, owner: str, closing: str) -> pa.DataType:
        fields: list[pa.Field] = []
        while not self._words(closing):
            if fields:
                self._expect(",", owner)
            name = self._next()
            if not name or not (name.startswith("`") or name.isidentifier()):
                raise _Refused(f"{owner} has a field without a name", "name TYPE, ...")
            name = name[1:-1].replace("``", "`") if name.startswith("`") else name
            if any(field.name == name for field in fields):
                raise _Refused(f"{owner} has two fields {name!r}")
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

    def _string(self, owner: str, what: str) -> None:
        if not self._next().startswith("'"):
            raise _Refused(f"{owner} wants {what}, in single quotes")

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
        close = difflib.get_close_matches(name, table.NAMES, 2)
        fix = f"did you mean {' or '.join(close)}?" if close else None
        raise _Refused(
            f"{name} is no Flink SQL type" if name else "its type is missing",
            ", ".join((*table.PLAIN, *table.PARAMETERS)),
            fix,
        )

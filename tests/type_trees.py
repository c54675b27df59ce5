"""Random Flink types and values of them, in a neutral JSON form that Java builds its rows from (NeutralRows.java).

What each type is in Arrow is said here once more, apart from `dlonflink.types`, which is held against it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

_EXACT = Context(prec=80)
_USER_DEFINED = {"structured", "distinct"}
"""No source of a distinct type."""
_VARIANTS = (  # metadata and value, as Flink's PARSE_JSON makes them
    ("010000", "00"),  # null
    ("010000", "0c07"),  # 7
    ("010000", "0578"),  # "x"
    ("01020001026162", "020200010002110c010303000107090020010f0000000578"),  # {"a": 1, "b": [null, 1.5, "x"]}
)


_SELDOM = st.sampled_from([False, False, True])


@dataclass(frozen=True)
class Tree:
    """One type: for Java, as SQL where it has a text, in Arrow; its values, and how Arrow's are read and made."""

    java: dict[str, Any]
    sql: str | None
    arrow: pa.DataType
    value: Callable[[st.DrawFn], Any]
    read: Callable[[pa.Scalar], Any]
    write: Callable[[Any], object]
    nullable: bool = True

    def field(self, name: str) -> pa.Field:
        return pa.field(name, self.arrow, nullable=self.nullable)

    def __repr__(self) -> str:
        return json.dumps(self.described())

    @property
    def text(self) -> str | None:
        return None if self.sql is None else self.sql + ("" if self.nullable else " NOT NULL")

    def described(self) -> dict[str, Any]:
        return {**self.java, "null": self.nullable}

    def some(self, draw: st.DrawFn) -> Any:
        """A value, or NULL where it may be."""
        return None if self.nullable and draw(_SELDOM) else self.value(draw)

    def neutral(self, scalar: pa.Scalar) -> Any:
        """What Arrow holds, in the neutral form."""
        return self.read(scalar) if scalar.is_valid else None

    def python(self, value: Any) -> object:
        """What pyarrow makes a value of."""
        return None if value is None else self.write(value)


def _scalar(
    sql: str,
    arrow: pa.DataType,
    values: st.SearchStrategy[Any],
    read: Callable[[pa.Scalar], Any] = lambda scalar: scalar.as_py(),
    write: Callable[[Any], object] = lambda value: value,
) -> Tree:
    return Tree({"sql": sql}, sql, arrow, lambda draw: draw(values), read, write)


def _integers(bits: int) -> st.SearchStrategy[int]:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    return st.sampled_from([low, -1, 0, 1, high]) | st.integers(low, high)


def _ticks(scalar: pa.Scalar) -> int:
    return scalar.value


def _float(sql: str, arrow: pa.DataType, layout: str, whole: str) -> Tree:
    def bits(value: float) -> int:
        return struct.unpack(whole, struct.pack(layout, float("nan") if value != value else value))[0]

    values = st.floats(width=struct.calcsize(layout) * 8).map(bits)
    return _scalar(
        sql,
        arrow,
        values,
        lambda scalar: bits(scalar.as_py()),
        lambda value: struct.unpack(layout, struct.pack(whole, value))[0],
    )


def _decimal(digits: int, scale: int) -> Tree:
    most = 10**digits - 1
    values = (st.sampled_from([-most, -1, 0, most]) | st.integers(-most, most)).map(str)
    return _scalar(
        f"DECIMAL({digits}, {scale})",
        pa.decimal128(digits, scale),
        values,
        lambda scalar: str(int(scalar.as_py().scaleb(scale, _EXACT))),
        lambda value: Decimal(value).scaleb(-scale, _EXACT),
    )


def _timestamp(precision: int, zoned: bool) -> Tree:
    digits = (precision + 2) // 3 * 3
    step = 10 ** (digits - precision)  # digits beyond the precision are zeros
    most = (2**63 - 1) // (1000 if precision == 0 else 1) // step  # Flink holds milliseconds in 64 bits
    values = (st.sampled_from([-most, -1, 0, most]) | st.integers(-most, most)).map(lambda ticks: ticks * step)
    arrow = pa.timestamp({0: "s", 3: "ms", 6: "us", 9: "ns"}[digits], "UTC" if zoned else None)
    return _scalar(f"TIMESTAMP{'_LTZ' if zoned else ''}({precision})", arrow, values, _ticks)


_hex = st.binary(max_size=12).map(bytes.hex)
_texts = st.text(max_size=8) | st.sampled_from(["", "\0", "😀 東京", "x" * 300])


def _hexed(sql: str) -> Tree:
    return _scalar(sql, pa.binary(), _hex, lambda scalar: scalar.as_py().hex(), bytes.fromhex)


def _months(scalar: pa.Scalar) -> int:
    months, days, nanos = scalar.as_py()
    assert (days, nanos) == (0, 0)
    return months


def _raw() -> Tree:
    """Of byte arrays, which their serializer writes as length and bytes."""

    def read(scalar: pa.Scalar) -> str:
        data = scalar.as_py()
        assert int.from_bytes(data[:4], "big") == len(data) - 4
        return data[4:].hex()

    def write(value: str) -> bytes:
        data = bytes.fromhex(value)
        return len(data).to_bytes(4, "big") + data

    return Tree({"raw": True}, None, pa.binary(), lambda draw: draw(_hex), read, write)


def _variant() -> Tree:
    parts = ("metadata", "value")
    return _scalar(
        "VARIANT",
        pa.struct([pa.field(part, pa.binary(), nullable=False) for part in parts]),
        st.sampled_from([list(pair) for pair in _VARIANTS]),
        lambda scalar: [scalar[part].as_py().hex() for part in parts],
        lambda value: dict(zip(parts, map(bytes.fromhex, value), strict=True)),
    )


_DAY_TIME = ("DAY", "DAY(6) TO SECOND(3)", "HOUR TO MINUTE", "SECOND(0)")
_YEAR_MONTH = ("YEAR", "YEAR(4) TO MONTH", "MONTH")
_INTS = {"TINYINT": pa.int8(), "SMALLINT": pa.int16(), "INT": pa.int32(), "BIGINT": pa.int64()}

_FIXED = [
    _scalar("BOOLEAN", pa.bool_(), st.booleans()),
    *(_scalar(sql, arrow, _integers(arrow.bit_width)) for sql, arrow in _INTS.items()),
    _float("FLOAT", pa.float32(), "<f", "<i"),
    _float("DOUBLE", pa.float64(), "<d", "<q"),
    _scalar("CHAR(3)", pa.string(), st.text(min_size=3, max_size=3)),
    _scalar("STRING", pa.string(), _texts),
    _scalar("VARCHAR(300)", pa.string(), _texts),
    _hexed("BYTES"),
    _hexed("VARBINARY(12)"),
    _scalar("DATE", pa.date32(), _integers(32), _ticks),
    *(_scalar(f"TIME({p})", pa.time32("ms"), st.integers(0, 86_399_999), _ticks) for p in (0, 3)),
    *(_scalar(f"INTERVAL {text}", pa.duration("ms"), _integers(64), _ticks) for text in _DAY_TIME),
    *(
        _scalar(f"INTERVAL {text}", pa.month_day_nano_interval(), _integers(32), _months, lambda value: (value, 0, 0))
        for text in _YEAR_MONTH
    ),
    _variant(),
    _raw(),
    _scalar("NULL", pa.null(), st.none()),
]


def _array(item: Tree) -> Tree:
    return Tree(
        {"array": item.described()},
        None if item.text is None else f"ARRAY<{item.text}>",
        pa.list_(item.field("item")),
        lambda draw: [item.some(draw) for _ in range(draw(_FEW))],
        lambda scalar: [item.neutral(one) for one in scalar.values],
        lambda values: [item.python(one) for one in values],
    )


def _pairs(key: Tree, value: Tree, java: dict[str, Any], sql: str | None) -> Tree:
    if key.nullable:
        arrow = pa.list_(pa.field("entries", pa.struct([key.field("key"), value.field("value")]), nullable=False))
    else:
        arrow = pa.map_(key.field("key"), value.field("value"))

    def write(pairs: Sequence[Any]) -> object:
        made = [(key.python(k), value.python(v)) for k, v in pairs]
        return made if not key.nullable else [{"key": k, "value": v} for k, v in made]

    return Tree(
        java,
        sql,
        arrow,
        lambda draw: different([[key.some(draw), value.some(draw)] for _ in range(draw(_FEW))]),
        lambda scalar: [[key.neutral(one["key"]), value.neutral(one["value"])] for one in scalar.values],
        write,
    )


def different(pairs: list[list[Any]]) -> list[list[Any]]:
    """No key twice."""
    return list({json.dumps(pair[0]): pair for pair in pairs}.values())


def _map(key: Tree, value: Tree) -> Tree:
    sql = None if key.text is None or value.text is None else f"MAP<{key.text}, {value.text}>"
    return _pairs(key, value, {"map": [key.described(), value.described()]}, sql)


def _multiset(item: Tree) -> Tree:
    count = replace(_scalar("INT", pa.int32(), _integers(32)), nullable=False)
    return _pairs(item, count, {"multiset": item.described()}, None if item.text is None else f"MULTISET<{item.text}>")


def _fields(kind: str, opening: str, fields: dict[str, Tree]) -> Tree:
    quoted = {name: "`" + name.replace("`", "``") + "`" for name in fields}
    texts = [f"{quoted[name]} {tree.text}" for name, tree in fields.items()]
    known = all(tree.text is not None for tree in fields.values())
    return Tree(
        {kind: described(fields)},
        f"{opening}{', '.join(texts)}>" if known else None,
        pa.struct([tree.field(name) for name, tree in fields.items()]),
        lambda draw: [tree.some(draw) for tree in fields.values()],
        lambda scalar: [tree.neutral(scalar[name]) for name, tree in fields.items()],
        lambda values: {n: tree.python(value) for (n, tree), value in zip(fields.items(), values, strict=True)},
    )


def described(fields: dict[str, Tree]) -> list[Any]:
    """Fields for Java."""
    return [[name, tree.described()] for name, tree in fields.items()]


_NAMES = st.sampled_from(["a", "b c", "é", "`", "key", "entries", "INT"])
_FEW = st.integers(0, 3)
_DEPTH = 3


@st.composite
def trees(draw: st.DrawFn, depth: int = _DEPTH) -> Tree:
    """A type; `depth` 0: a scalar."""
    tree = draw(st.sampled_from(_KINDS if depth else _KINDS[:1]))(draw, depth - 1)
    return replace(tree, nullable=pa.types.is_null(tree.arrow) or draw(st.booleans()))


def _scalars(draw: st.DrawFn, _: int) -> Tree:
    kind = draw(st.integers(0, len(_FIXED) + 3))  # the two with parameters twice as often
    if kind < len(_FIXED):
        return _FIXED[kind]
    if kind < len(_FIXED) + 2:
        return _timestamp(draw(st.integers(0, 9)), draw(st.booleans()))
    digits = draw(st.integers(1, 38))
    return _decimal(digits, draw(st.integers(0, digits)))


def _arrays(draw: st.DrawFn, depth: int) -> Tree:
    return _array(draw(trees(depth)))


def _maps(draw: st.DrawFn, depth: int) -> Tree:
    return _map(draw(trees(depth)), draw(trees(depth)))


def _multisets(draw: st.DrawFn, depth: int) -> Tree:
    return _multiset(draw(trees(depth)))


def _rows(draw: st.DrawFn, depth: int) -> Tree:
    return _fields("row", "ROW<", draw(st.dictionaries(_NAMES, trees(depth), max_size=3)))


def _structured(draw: st.DrawFn, depth: int) -> Tree:
    fields = draw(st.dictionaries(_NAMES, trees(depth), min_size=1, max_size=3))
    return _fields("structured", "STRUCTURED<'no.such.Class', ", fields)


def _distincts(draw: st.DrawFn, depth: int) -> Tree:
    source = draw(trees(depth))
    kept = _USER_DEFINED & set(source.java) or pa.types.is_null(source.arrow)
    return source if kept else replace(source, java={"distinct": source.described()}, sql=None)


_KINDS = [_scalars, _scalars, _scalars, _arrays, _maps, _multisets, _rows, _structured, _distincts]

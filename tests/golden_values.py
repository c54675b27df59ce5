"""Arrow values as contract/golden/*.json write them (contract/golden/README.md)."""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from dlonflink.types import table

GOLDEN = Path(__file__).parent.parent / "contract" / "golden"

_ZEROS = re.compile(r"(\.\d*?)(?:000)+(?=Z?$)")

_TICKS = {"s": (1, 0), "ms": (10**3, 3), "us": (10**6, 6), "ns": (10**9, 9)}


def shortened(value: Any) -> Any:
    """batch.json writes a fraction of a second in no, 3, 6 or 9 digits, as few as do; csv.json in the type's."""
    if isinstance(value, str) and ":" in value:
        return _ZEROS.sub(r"\1", value).replace(".Z", "Z").removesuffix(".")
    return value


def written(scalar: pa.Scalar) -> Any:
    """A value as JSON has it."""
    type_ = scalar.type
    if not scalar.is_valid:
        return None
    if isinstance(type_, pa.TimestampType):
        per_second, digits = _TICKS[type_.unit]
        seconds, rest = divmod(scalar.value, per_second)
        moment = (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)).isoformat()
        return moment + (f".{rest:0{digits}d}" if digits else "") + ("Z" if type_.tz else "")
    if isinstance(type_, pa.Time32Type):
        return scalar.as_py().isoformat("milliseconds")
    if pa.types.is_floating(type_):
        value = scalar.as_py()
        return value if math.isfinite(value) else str(value).replace("nan", "NaN").replace("inf", "Infinity")
    if isinstance(type_, pa.DurationType):
        return scalar.value
    if type_ == pa.month_day_nano_interval():
        months, *others = scalar.as_py()
        assert others == [0, 0]
        return months
    if table.entries(type_):
        return [[written(pair["key"]), written(pair["value"])] for pair in scalar.values]
    if isinstance(type_, pa.ListType):
        return [written(one) for one in scalar.values]
    if isinstance(type_, pa.StructType):
        return {name: written(scalar[name]) for name in scalar}
    value = scalar.as_py()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.date):
        return value.isoformat()
    return value if isinstance(value, bool | int | str) else f"{value:f}"  # a decimal, never with an exponent

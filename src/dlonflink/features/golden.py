"""What an encoder makes of fixed rows: it goes into a version's manifest, and a server must find the same."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from dlonflink.features.encode import Encoder
from dlonflink.features.spec import FeatureSpec
from dlonflink.types import column

_SAMPLES: tuple[tuple[Any, tuple[object, ...]], ...] = (
    (pa.types.is_boolean, (True, False)),
    (pa.types.is_integer, (7, -1)),
    (pa.types.is_floating, (1234.5, -0.0)),
    (pa.types.is_decimal128, ("0", "-1")),
    (pa.types.is_string, ("", "a text of more than 32 bytes: Grüße")),
    (pa.types.is_binary, (b"", b"\x00\xff")),
    (pa.types.is_date32, ("2013-01-31", "1969-12-31")),
    (pa.types.is_time32, ("05:15:00", "23:59:59")),
    (pa.types.is_timestamp, ("2013-01-31 05:15:00", "1969-12-31 23:59:59")),
)


def golden(spec: FeatureSpec) -> dict[str, Any]:
    """IDs (hexadecimal) and values of every row's bag, over two values of each column's type, and NULL."""
    schema = spec.arrow()
    columns = [column(_values(field.type), field.type, name=field.name) for field in schema]
    bag = Encoder(spec).encode(pa.RecordBatch.from_arrays(columns, schema=schema)).bag
    return {
        "ids": [f"{one:016x}" for one in bag.ids.tolist()],
        "values": None if bag.values is None else bag.values.tolist(),
        "offsets": None if bag.offsets is None else bag.offsets.tolist(),
    }


def _values(type_: pa.DataType) -> list[object]:
    if isinstance(type_, pa.ListType):
        return [_values(type_.value_type), [], None]
    values = next(values for fits, values in _SAMPLES if fits(type_))
    if isinstance(type_, pa.TimestampType) and type_.tz is not None:
        values = tuple(f"{value}Z" for value in values)
    return [*values, None]

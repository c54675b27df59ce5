"""Arrow columns as the numpy arrays that kernels read: no copy where the bytes are already right.

What stands in the place of a NULL is undefined. Every array is read only, so that each kernel is compiled once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import DTypeLike, NDArray

_NO_BYTES = np.frombuffer(b"", np.uint8)
_NO_OFFSETS = np.frombuffer(bytes(4), np.int32)

Longs = NDArray[np.int64]

_MS = {"s": (1_000, 1), "ms": (1, 1), "us": (1, 1_000), "ns": (1, 1_000_000)}
"""Unit -> factor and divisor that give milliseconds."""


def is_integral(type_: pa.DataType) -> bool:
    """Hashed as int64: BOOLEAN, the integers, and the times (an INTERVAL is none)."""
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_date, pa.types.is_time, pa.types.is_timestamp)
    return any(test(type_) for test in tests)


def is_hashable(type_: pa.DataType) -> bool:
    """A scalar that becomes one ID."""
    return is_integral(type_) or is_number(type_) or pa.types.is_string(type_) or pa.types.is_binary(type_)


def is_time(type_: pa.DataType) -> bool:
    """Can be an event time."""
    return pa.types.is_timestamp(type_) or pa.types.is_date32(type_) or pa.types.is_int64(type_)


def is_number(type_: pa.DataType) -> bool:
    return pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal128(type_)


def validity(array: pa.Array) -> tuple[NDArray[np.uint8], int]:
    """Arrow's bitmap and the position of the first row's bit; an empty bitmap where no row is NULL."""
    if array.null_count == 0:
        return _NO_BYTES, 0
    return _view(array.buffers()[0], np.uint8), array.offset


def nulls(array: pa.Array) -> NDArray[np.bool_]:
    """Which rows are NULL."""
    return array.is_null().to_numpy(zero_copy_only=False)


def text(array: pa.Array) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Offsets [rows + 1] and bytes of a STRING or BYTES column."""
    _, offsets, data = array.buffers()
    if len(array) == 0:
        return _NO_OFFSETS, _NO_BYTES
    return _view(offsets, np.int32)[array.offset : array.offset + len(array) + 1], _view(data, np.uint8)


def integers(array: pa.Array) -> NDArray[np.int64]:
    """int64 [rows]: BOOLEAN as 0 and 1, DATE in days, TIME in ms, TIMESTAMP in ms since 1970 UTC, floored."""
    type_ = array.type
    if pa.types.is_boolean(type_):
        return _frozen(_fixed(array.cast(pa.int8()), np.int8).astype(np.int64))
    if pa.types.is_date32(type_) or pa.types.is_time32(type_):
        return _frozen(_fixed(array, np.int32).astype(np.int64))
    if isinstance(type_, pa.TimestampType):
        factor, divisor = _MS[type_.unit]
        ticks = _fixed(array, np.int64)
        return ticks if factor == divisor else _frozen(ticks * factor // divisor)
    values = _fixed(array, type_.to_pandas_dtype())
    return values if values.dtype == np.int64 else _frozen(values.astype(np.int64))


def floats(array: pa.Array) -> NDArray[np.float64]:
    """float64 [rows] of any number or BOOLEAN."""
    type_ = array.type
    if pa.types.is_decimal128(type_):
        array = pc.cast(array, pa.float64())
    elif not pa.types.is_floating(type_):
        return _frozen(integers(array).astype(np.float64))
    values = _fixed(array, array.type.to_pandas_dtype())
    return values if values.dtype == np.float64 else _frozen(values.astype(np.float64))


def limbs(array: pa.Array) -> NDArray[np.uint64]:
    """uint64 [rows, 2]: low and high half of each DECIMAL's integer."""
    halves = _view(array.buffers()[1], np.uint64)
    return halves[: len(halves) // 2 * 2].reshape(-1, 2)[array.offset : array.offset + len(array)]


def milliseconds(array: pa.Array) -> NDArray[np.int64]:
    """int64 [rows], ms since 1970 UTC, of a TIMESTAMP, DATE or BIGINT (ms) column."""
    days = pa.types.is_date32(array.type)
    return integers(array) * 86_400_000 if days else integers(array)


def elements(array: pa.ListArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """Elements of an ARRAY column, and offsets [rows + 1] into them; a NULL list is empty."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(_fixed(lengths, np.int32), out=offsets[1:])
    return array.flatten(), offsets


def _fixed(array: pa.Array, dtype: DTypeLike) -> NDArray[Any]:
    return _view(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]


def _view(buffer: pa.Buffer | None, dtype: DTypeLike) -> NDArray[Any]:
    """All whole values of the buffer, behind which any bytes may stand; Arrow leaves it out where there is none."""
    data = b"" if buffer is None else memoryview(buffer)
    return _frozen(np.frombuffer(data, dtype, count=len(data) // np.dtype(dtype).itemsize))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array

"""Record batches of Flink's side, checked to the last offset: a wrong one would crash pyarrow later. Their texts are
bytes that nobody has looked at before.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dlonflink.connectors.foreign import BROKEN
from dlonflink.errors import ProtocolError, short
from dlonflink.worker.messages import Bytes

_Rows = NDArray[np.bool_]

_MOST_ROWS = 1 << 24
"""Of one batch: columns of NULLs have any number of rows in no byte."""
_U16, _U32, _I32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")


@dataclass(frozen=True)
class Received:
    """A batch that can be read. Texts in it that were not UTF-8 are mended."""

    batch: pa.RecordBatch
    unreadable: Mapping[int, str]
    """Rows with such a text -> its column."""


def decode(data: Bytes, schema: pa.Schema) -> Received:
    """The batch of a BATCH frame. Raises ProtocolError when it is none of `schema`.

    A text that is not UTF-8 is no bug of Flink's side.
    """
    try:
        message = pa.ipc.read_message(pa.py_buffer(data))
        if _is_compressed(message):
            raise ValueError("it is compressed")
        batch = pa.ipc.read_record_batch(message, schema)
        if batch.num_rows > _MOST_ROWS:
            raise ValueError(f"{batch.num_rows:,} rows")
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid:
            # The same bytes with no demand on the texts: what is wrong then is wrong with the batch.
            raw = pa.ipc.read_record_batch(message, pa.schema([_raw(field) for field in schema]))
            raw.validate(full=True)
            return _repaired(batch, raw)
    except BROKEN as error:
        raise ProtocolError(
            "a BATCH frame holds no record batch of the schema that HELLO announced",
            got=short(str(error)),
            fix="this is a bug of ours: please report it",
        ) from error
    return Received(batch, {})


def _is_compressed(message: pa.ipc.Message) -> bool:
    """Whether the message's buffers are: a few bytes then say any length, which Arrow allocates before it looks.

    pyarrow does not tell. The metadata, which it has checked, are a flatbuffer: Message's third member is the header,
    and RecordBatch's fourth says how the buffers are compressed.
    """
    data = memoryview(message.metadata)
    (root,) = _U32.unpack_from(data)
    header = _member(data, root, 2)
    return header is not None and _member(data, header + _U32.unpack_from(data, header)[0], 3) is not None


def _member(data: Bytes, table: int, number: int) -> int | None:
    """Where a table's member stands; None where it is left out."""
    layout = table - _I32.unpack_from(data, table)[0]
    at = 4 + 2 * number
    if at >= _U16.unpack_from(data, layout)[0]:
        return None
    offset = _U16.unpack_from(data, layout + at)[0]
    return table + offset if offset else None


def _raw(field: pa.Field) -> pa.Field:
    """The field with BYTES for every STRING in it: their layout is one."""
    return field.with_type(_raw_type(field.type))


def _raw_type(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_string(type_):
        return pa.binary()
    if isinstance(type_, pa.ListType):
        return pa.list_(_raw(type_.value_field))
    if isinstance(type_, pa.MapType):
        return pa.map_(_raw(type_.key_field), _raw(type_.item_field))
    if isinstance(type_, pa.StructType):
        return pa.struct([_raw(field) for field in type_])
    return type_


def _repaired(batch: pa.RecordBatch, raw: pa.RecordBatch) -> Received:
    unreadable: dict[int, str] = {}
    columns = list(batch.columns)
    for i, field in enumerate(batch.schema):
        bad = _bad_rows(batch.column(i))
        if bad.any():
            unreadable = {**dict.fromkeys(map(int, np.flatnonzero(bad)), field.name), **unreadable}
            columns[i] = _readable(batch.column(i), raw.column(i), bad)
    return Received(pa.RecordBatch.from_arrays(columns, schema=batch.schema), unreadable)


def _readable(column: pa.Array, raw: pa.Array, bad: _Rows) -> pa.Array:
    """The column with U+FFFD where a text is not UTF-8; NULL for one that lies within lists, maps and rows."""
    if pa.types.is_string(column.type):
        texts = [None if value is None else value.decode(errors="replace") for value in raw.to_pylist()]
        return pa.array(texts, column.type)
    return pc.if_else(pa.array(bad), pa.scalar(None, column.type), column)


def _bad_rows(column: pa.Array) -> _Rows:
    """Rows that hold a text which is not UTF-8, at any depth."""
    bad = np.zeros(len(column), np.bool_)
    if pa.types.is_string(column.type):
        _mark(column, 0, len(column), bad)
    elif isinstance(column, pa.ListArray):
        # A MAP is a list of entries. What came in a frame is never a slice, so offsets are positions in the children.
        children = [column.keys, column.items] if isinstance(column, pa.MapArray) else [column.values]
        offsets = column.offsets.to_numpy()
        for child in children:
            before = np.concatenate([[0], np.cumsum(_bad_rows(child))])
            bad |= before[offsets[1:]] > before[offsets[:-1]]
    elif isinstance(column, pa.StructArray):
        for field in column.flatten():
            bad |= _bad_rows(field)
    return bad


def _mark(texts: pa.Array, begin: int, end: int, bad: _Rows) -> None:
    """By halves, for most are readable."""
    try:
        texts.slice(begin, end - begin).validate(full=True)
    except pa.ArrowInvalid:
        if end - begin == 1:
            bad[begin] = True
            return
        middle = (begin + end) // 2
        _mark(texts, begin, middle, bad)
        _mark(texts, middle, end, bad)

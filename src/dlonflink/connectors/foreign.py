"""Arrow data that others wrote: the declared columns out of whatever is there, checked before anything is believed.

Values are cast only where nothing can be lost, or where Arrow looks at every value: integers to narrower ones and to
floats, times to coarser units, decimals to smaller ones. The rest is refused by type, before a row is read.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import final

import pyarrow as pa

from dlonflink.errors import DataError, SchemaError
from dlonflink.types import sql, table

Bytes = bytes | bytearray | memoryview

PIECE_ROWS = 16_384
"""Batches are cut to this, so that the scored rows of one fit a frame whatever others wrote."""
_MOST_ROWS = 1 << 24
"""Of one batch. A few bytes can say any number of rows, and each would be made (of type null, or compressed)."""
BROKEN = (ValueError, OSError, EOFError, MemoryError, pa.ArrowException)
"""What pyarrow raises for bytes that are not what they should be; a length that is none ends in a MemoryError."""
_MARKER = b"\xff\xff\xff\xff"
_END = _MARKER + bytes(4)
"""Arrow's end of a stream. UTF-8 has no such byte, so what follows the last one is text."""
_MAGIC = b"ARROW1"
_LONGEST_PLACE = 4_096


@final
class Selection:
    """Takes `wanted` out of record batches."""

    def __init__(self, wanted: pa.Schema) -> None:
        self.schema = wanted

    def indices(self, found: pa.Schema, place: str) -> list[int]:
        """Where the columns stand. SchemaError for one that is missing, there twice, or of a type that does not fit."""
        return [self._index(found, field, place) for field in self.schema]

    def of(self, batch: pa.RecordBatch, place: str) -> Iterator[pa.RecordBatch]:
        """The pieces of a batch in which `indices` found every column. DataError where a value does not fit."""
        if batch.num_rows > _MOST_ROWS:
            raise DataError(
                "a record batch has too many rows",
                where=place,
                expected=f"at most {_MOST_ROWS:,}",
                got=f"{batch.num_rows:,}",
                fix="write smaller batches: 4,096 to 16,384 rows",
            )
        try:
            batch.validate(full=True)
        except BROKEN as error:
            raise DataError("a record batch is damaged", where=place, got=str(error)) from error
        for begin in range(0, batch.num_rows, PIECE_ROWS):
            piece = batch.slice(begin, PIECE_ROWS)
            arrays = [_cast(piece.column(field.name), field, place) for field in self.schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _index(self, found: pa.Schema, field: pa.Field, place: str) -> int:
        indices = found.get_all_field_indices(field.name)
        if len(indices) == 1:
            _check_type(found.field(indices[0]).type, field, place)
            return indices[0]
        close = difflib.get_close_matches(field.name, found.names, 1)
        raise SchemaError(
            f"column {field.name!r} is {'there more than once' if indices else 'not there'}",
            where=place,
            expected="one column of that name",
            got=", ".join(found.names[:20]),
            fix="rename one of them" if indices else f"did you mean {close[0]!r}?" if close else None,
        )


@final
class Streams:
    """Reads values, each a whole Arrow IPC stream: schema, dictionaries, record batches."""

    def __init__(self, wanted: pa.Schema) -> None:
        self.schema = wanted
        self._selection = Selection(wanted)
        self._head = b""
        self._options = pa.ipc.IpcReadOptions()
        self._number = 0

    def read(self, value: Bytes) -> Iterator[pa.RecordBatch]:
        """The rows, in pieces. DataError, or SchemaError, for a value that is no stream of these columns.

        Behind the stream's end may stand where it came from, as text: errors repeat it.
        """
        self._number += 1
        try:
            yield from self._read(value)
        except BROKEN as error:
            raise DataError(
                "a value is not an Arrow IPC stream",
                where=self._place(value),
                expected="a schema, dictionaries where it has some, record batches, all in one value",
                got=str(error),
                fix="write each with pyarrow.ipc.new_stream(...), write_batch and close",
            ) from error

    def _read(self, value: Bytes) -> Iterator[pa.RecordBatch]:
        buffer = pa.py_buffer(value)
        # A value most often has the schema message of the one before, and then its columns are found already.
        if not self._head or bytes(value[: len(self._head)]) != self._head:
            self._open(buffer, value)
        with pa.ipc.open_stream(buffer, options=self._options) as stream:
            for batch in stream:
                yield from self._selection.of(batch, self._place(value))

    def _open(self, buffer: pa.Buffer, value: Bytes) -> None:
        with pa.ipc.open_stream(buffer) as stream:
            indices = self._selection.indices(stream.schema, self._place(value))
        # Before the length of the metadata stands a marker, but not in the format before Arrow 0.15.
        start = 8 if bytes(value[:4]) == _MARKER else 4
        size = start + int.from_bytes(value[start - 4 : start], "little")
        self._options = pa.ipc.IpcReadOptions(included_fields=indices, use_threads=False)
        self._head = bytes(value[:size])

    def _place(self, value: Bytes) -> str:
        tail = bytes(value[-_LONGEST_PLACE:])
        end = tail.rfind(_END)
        text = tail[end + len(_END) :].decode(errors="replace") if end >= 0 else ""
        return text if text.isprintable() and text else f"value {self._number:,} since the worker started"


def read_file(file: Path, wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of an Arrow IPC file or stream, in pieces. A file is a stream between magic words, and read as one: so
    does Flink's side, and so the rows come in the order in which they were written.

    Raises DataError for a file that is neither, or ends too soon, SchemaError where `wanted` is not in it.
    """
    selection = Selection(wanted)
    at = 0
    try:
        with pa.OSFile(str(file)) as data:
            at = _skip_magic(data)
            indices = selection.indices(pa.ipc.open_stream(data).schema, str(file))
            data.seek(at)
            stream = pa.ipc.open_stream(data, options=pa.ipc.IpcReadOptions(included_fields=indices))
            while True:
                at = data.tell()
                try:
                    batch = stream.read_next_batch()
                except StopIteration:
                    return
                yield from selection.of(batch, f"{file}, byte {at:,}")
    except BROKEN as error:
        raise DataError(
            "the Arrow file is damaged or cut short",
            where=f"{file}, byte {at:,}",
            expected="an Arrow IPC file or stream",
            got=str(error),
            fix="write the file anew",
        ) from error


def _skip_magic(data: pa.OSFile) -> int:
    """Where the stream begins."""
    if data.read(len(_MAGIC)) != _MAGIC:
        data.seek(0)
        return 0
    data.seek(max(0, data.size() - len(_MAGIC)))
    if data.read() != _MAGIC:
        raise ValueError(f"the file does not end in {_MAGIC.decode()}")
    return data.seek(8)  # padded


def _check_type(found: pa.DataType, field: pa.Field, place: str) -> None:
    try:
        if _fits(found, field.type):
            pa.nulls(0, found).cast(field.type)  # what Arrow itself has no way to do
            return
        reason = None
    except BROKEN as error:
        reason = str(error)
    raise SchemaError(
        f"column {field.name!r} is of a type that does not become {sql(field.type)} without a loss",
        where=place,
        expected=sql(field.type),
        got=str(found) if reason is None else f"{found}: {reason}",
        fix=_declare(found),
    )


def _declare(found: pa.DataType) -> str:
    try:
        return f"declare it as {sql(found)} in columns"
    except SchemaError:
        return "write the column with another type"


def _fits(found: pa.DataType, to: pa.DataType) -> bool:
    if isinstance(found, pa.DictionaryType):
        return _fits(found.value_type, to)
    if pa.types.is_null(found) or found.equals(to):
        return True
    if (pair := table.entries(to)) and isinstance(found, pa.MapType):
        return _fits(found.key_type, pair[0].type) and _fits(found.item_type, pair[1].type)
    if isinstance(to, pa.ListType):
        lists = pa.types.is_list(found) or pa.types.is_large_list(found) or pa.types.is_fixed_size_list(found)
        return lists and _fits(found.value_type, to.value_type)
    if isinstance(to, pa.StructType):
        return (
            isinstance(found, pa.StructType)
            and [one.name for one in found] == [one.name for one in to]
            and all(_fits(one.type, other.type) for one, other in zip(found, to, strict=True))
        )
    return _scalar_fits(found, to)


_SAME_KIND: Mapping[Callable[[pa.DataType], bool], tuple[Callable[[pa.DataType], bool], ...]] = {
    pa.types.is_integer: (pa.types.is_integer,),
    pa.types.is_decimal: (pa.types.is_decimal, pa.types.is_integer),
    pa.types.is_string: (pa.types.is_large_string, pa.types.is_string_view),
    pa.types.is_binary: (pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary),
    pa.types.is_date32: (pa.types.is_date64,),
    pa.types.is_time32: (pa.types.is_time,),
}
"""Declared -> found."""


def _scalar_fits(found: pa.DataType, to: pa.DataType) -> bool:
    if pa.types.is_floating(to):
        return pa.types.is_integer(found) or (pa.types.is_floating(found) and found.bit_width <= to.bit_width)
    if isinstance(to, pa.TimestampType):
        return isinstance(found, pa.TimestampType) and (found.tz is None) == (to.tz is None)
    return any(declared(to) and any(test(found) for test in tests) for declared, tests in _SAME_KIND.items())


def _cast(array: pa.Array, field: pa.Field, place: str) -> pa.Array:
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    if array.type.equals(field.type):
        return array
    try:
        return array.cast(field.type)
    except BROKEN as error:
        raise DataError(
            f"column {field.name!r} holds a value that its type does not",
            where=place,
            expected=sql(field.type),
            got=str(error),
            fix=_declare(array.type),
        ) from error

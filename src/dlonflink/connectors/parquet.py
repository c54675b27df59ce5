"""Parquet files in ranges of rows. Flink carries the ranges, in a small Arrow file, and knows by them where it is; the
worker reads the rows. So no Parquet is read in Java, and a restart goes on at the range where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from dlonflink.connectors.foreign import BROKEN, PIECE_ROWS, Bytes, Selection, Streams
from dlonflink.errors import DataError
from dlonflink.settings import Settings

_TAIL = 8
"""A Parquet file ends in the length of its footer, u32, and a magic word."""

Count = Annotated[int, Field(ge=0)]


class Range(Settings):
    """Rows of one row group, and what tells that the file is still the one they were counted in."""

    file: str
    size: Count
    footer: str
    """SHA-256 of the file's last part, which says where in the file everything lies."""
    group: Count
    first: Count
    """Rows of the group before these."""
    rows: Count

    def place(self) -> str:
        """For errors."""
        rows = f"rows {self.first + 1:,} to {self.first + self.rows:,}"
        return f"{self.file}, {rows} of row group {self.group}"


_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("size", pa.int64()),
        ("footer", pa.string()),
        ("group", pa.int64()),
        ("first", pa.int64()),
        ("rows", pa.int64()),
    ]
)


def ranges(files: Sequence[Path], wanted: pa.Schema) -> Iterator[Range]:
    """All rows of the files, in order. DataError for one that is not Parquet, SchemaError where a column is missing."""
    for file in files:
        size, footer = _identity(file)
        with _open(file) as opened:
            Selection(wanted).indices(opened.schema_arrow, str(file))
            counts = [opened.metadata.row_group(group).num_rows for group in range(opened.metadata.num_row_groups)]
        for group, count in enumerate(counts):
            for first in range(0, count, PIECE_ROWS):
                rows = min(PIECE_ROWS, count - first)
                yield Range(file=str(file), size=size, footer=footer, group=group, first=first, rows=rows)


def write_ranges(ranges: Iterable[Range], to: Path) -> None:
    """The file that Flink reads in the place of the Parquet files: one range, one batch, one value."""
    with pa.OSFile(str(to), "wb") as file, pa.ipc.new_stream(file, _SCHEMA) as stream:
        for one in ranges:
            # Flink's side, which opens no value, counts rows by it (ArrowRows.java).
            rows = {"dlonflink.rows": str(one.rows)}
            stream.write_batch(pa.RecordBatch.from_pylist([one.model_dump()], schema=_SCHEMA), custom_metadata=rows)


@final
class Ranges:
    """Reads ranges. Goes on in a row group where the range before ended, so that nothing is read twice."""

    def __init__(self, wanted: pa.Schema) -> None:
        self.schema = wanted
        self._selection = Selection(wanted)
        self._values = Streams(_SCHEMA)
        self._file: pq.ParquetFile | None = None
        self._opened = ("", 0, "")
        self._group = -1
        self._next = 0
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._rest: pa.RecordBatch | None = None

    def read(self, value: Bytes) -> Iterator[pa.RecordBatch]:
        """Of a value that holds ranges."""
        for batch in self._values.read(value):
            for row in batch.to_pylist():
                try:
                    one = Range.model_validate(row)
                except ValidationError as error:
                    raise DataError("a value is not a range of rows", got=str(row)) from error
                yield from self.rows(one)

    def rows(self, one: Range) -> Iterator[pa.RecordBatch]:
        """The range's rows, in pieces. DataError for a file that is missing, damaged, or not the one of the range."""
        try:
            if (one.file, one.size, one.footer) != self._opened:
                self._open(one)
            if one.group != self._group or one.first < self._next:
                self._begin(one.group)
            self._pass(one.first - self._next, one)
            yield from self._take(one)
        except BROKEN as error:
            raise DataError(
                "the Parquet file cannot be read", where=one.place(), got=str(error), fix="write the file anew"
            ) from error

    def _open(self, one: Range) -> None:
        self._opened, self._group = ("", 0, ""), -1
        if self._file is not None:
            self._file.close()
        file = Path(one.file)
        size, footer = _identity(file)
        if (size, footer) != (one.size, one.footer):
            raise DataError(
                "the Parquet file is not the one that the run began with",
                where=one.file,
                expected=f"{one.size:,} bytes, footer {one.footer[:12]}",
                got=f"{size:,} bytes, footer {footer[:12]}",
                fix="bring the old file back, or start with --fresh; give new data a new name",
            )
        self._file = _open(file)
        self._selection.indices(self._file.schema_arrow, one.file)
        self._opened = (one.file, one.size, one.footer)

    def _begin(self, group: int) -> None:
        assert self._file is not None
        self._batches = self._file.iter_batches(
            batch_size=PIECE_ROWS, row_groups=[group], columns=list(self.schema.names)
        )
        self._rest, self._group, self._next = None, group, 0

    def _pass(self, count: int, one: Range) -> None:
        """After a restart: the group's rows before the range."""
        while count > 0:
            count -= self._some(count, one).num_rows

    def _take(self, one: Range) -> Iterator[pa.RecordBatch]:
        left = one.rows
        while left > 0:
            batch = self._some(left, one)
            left -= batch.num_rows
            yield from self._selection.of(batch, one.place())

    def _some(self, most: int, one: Range) -> pa.RecordBatch:
        """The next rows of the group, at most so many."""
        batch = self._rest or next(self._batches, None)
        if batch is None:
            raise DataError("the Parquet file ends before the rows that it says it has", where=one.place())
        taken = batch.slice(0, most)
        self._rest = batch.slice(most) if batch.num_rows > most else None
        self._next += taken.num_rows
        return taken


def _open(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(str(file))
    except BROKEN as error:
        raise DataError(
            "the file is not Parquet", where=str(file), got=str(error), fix="copy it again, whole, or correct it"
        ) from error


def _identity(file: Path) -> tuple[int, str]:
    try:
        with file.open("rb") as data:
            size = data.seek(0, 2)
            data.seek(max(0, size - _TAIL))
            length = int.from_bytes(data.read(4), "little")
            data.seek(max(0, size - _TAIL - length))
            return size, hashlib.sha256(data.read()).hexdigest()
    except OSError as error:
        raise DataError(
            "a Parquet file cannot be read where the worker runs",
            where=str(file),
            got=error.strerror,
            fix="check source.paths; on a cluster, the path must be reachable from its machines",
        ) from error

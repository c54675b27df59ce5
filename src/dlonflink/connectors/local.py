"""Sources as the local runtime reads them, by the rules that Flink follows."""

from __future__ import annotations

import csv
import difflib
import gzip
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv as pc

from dlonflink.connectors.fields import parse_fields
from dlonflink.connectors.files import FileSource, resolve
from dlonflink.connectors.foreign import read_file
from dlonflink.connectors.memory import MemorySource, records
from dlonflink.connectors.parquet import Ranges, ranges
from dlonflink.connectors.sql import SqlSource
from dlonflink.connectors.text import Counter, Text, parse_json
from dlonflink.connectors.values import declared, schema_of
from dlonflink.errors import DataError, PipelineError, SchemaError
from dlonflink.types import column


def schema(source: FileSource | SqlSource | MemorySource) -> pa.Schema | None:
    """The columns a pipeline may speak of, where they are known without Flink: not of SQL."""
    columns = declared(source)
    return None if columns is None else schema_of(columns)


def read(
    source: FileSource | SqlSource | MemorySource,
    columns: Sequence[str],
    *,
    batch_rows: int,
    rejects: Counter | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows in order, with `columns` in order, in batches of up to `batch_rows`.

    Raises PipelineError for a source that needs SQL, SchemaError for a column that a file lacks, DataError for text
    that is no value of its column; with `rejects` such rows go there instead.
    """
    known = schema(source)
    if known is None or isinstance(source, SqlSource):
        raise PipelineError("the local runtime has no SQL", where="source", fix="run it with --on flink")
    wanted = pa.schema([known.field(name) for name in columns])
    if isinstance(source, MemorySource):
        yield from _cut(iter([records(source).select(wanted.names)]), batch_rows)
        return
    files = resolve(source)
    if source.format == "parquet":
        reader = Ranges(wanted)
        for one in ranges(files, wanted):
            yield from _cut(reader.rows(one), batch_rows)
        return
    for file in files:
        with _whole(file):
            if rejects is not None and source.format in ("csv", "jsonl"):
                yield from _judged(file, source, wanted, batch_rows, rejects)
                continue
            yield from _cut(_batches(file, source, wanted, batch_rows), batch_rows)


def _batches(file: Path, source: FileSource, wanted: pa.Schema, batch_rows: int) -> Iterator[pa.RecordBatch]:
    if source.format == "arrow":
        return read_file(file, wanted)
    return _csv(file, source, wanted) if source.format == "csv" else _jsonl(file, wanted, batch_rows)


@contextmanager
def _whole(file: Path) -> Generator[None]:
    """A file that nobody may read, or a compressed one that is cut off or damaged."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            "the file cannot be read to its end", where=str(file), got=str(error), fix="copy it again, whole"
        ) from error


def _judged(
    file: Path, source: FileSource, wanted: pa.Schema, batch_rows: int, rejects: Counter
) -> Iterator[pa.RecordBatch]:
    text = Text(source, wanted, str(file), rejects)
    if source.format == "csv" and source.header and not _header(file, wanted):
        return
    with _open(file) as data:
        yield from text.csv(data, batch_rows) if source.format == "csv" else text.jsonl(data, batch_rows)


def _cut(batches: Iterator[pa.RecordBatch], batch_rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for begin in range(0, batch.num_rows, batch_rows):
            yield batch.slice(begin, batch_rows)


_GZIP = (".gz", ".gzip")


def _stream(file: Path) -> pa.NativeFile:
    """The same without Python: Arrow reads ahead in threads of its own, and one that calls into an interpreter that is
    about to end takes the process down (`terminate called without an active exception`).
    """
    _open(file).close()
    return pa.input_stream(str(file), compression="gzip" if file.suffix in _GZIP else None)


def _open(file: Path) -> IO[bytes]:
    """Flink inflates by the name's ending, too."""
    if file.suffix in _GZIP:
        return cast("IO[bytes]", gzip.open(file))
    if file.suffix in (".deflate", ".bz2", ".xz", ".zst"):
        raise PipelineError(
            f"the local runtime does not inflate {file.suffix}", where=str(file), expected=".gz", fix="run it on Flink"
        )
    return file.open("rb")


def _csv(file: Path, source: FileSource, wanted: pa.Schema) -> Iterator[pa.RecordBatch]:
    if source.header and not _header(file, wanted):
        return
    options = pc.ConvertOptions(
        column_types=dict.fromkeys(wanted.names, pa.string()),
        include_columns=wanted.names,
        null_values=[source.null],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    reading = pc.ReadOptions(column_names=None if source.header else list(source.columns))
    row = 1
    try:
        with (
            _stream(file) as data,
            pc.open_csv(data, reading, pc.ParseOptions(newlines_in_values=True), options) as reader,
        ):
            for texts in reader:
                arrays = [
                    parse_fields(texts.column(field.name), field, file=str(file), first_row=row) for field in wanted
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=wanted)
                row += texts.num_rows
    except pa.ArrowInvalid as error:
        if str(error) == "Empty CSV file":
            return
        raise DataError(
            "the file is not CSV", where=str(file), got=str(error), fix="correct the file, or copy it again, whole"
        ) from error


def _header(file: Path, wanted: pa.Schema) -> bool:
    """Whether the file has a first line. Refuses one that does not name each wanted column once."""
    try:
        with _open(file) as data, TextIOWrapper(data, "utf-8-sig", "replace", newline="") as text:
            names = next((line for line in csv.reader(text, strict=True) if line), None)
    except csv.Error as error:
        raise DataError("the first line is not CSV", where=str(file), got=str(error), fix="correct the file") from None
    if names is None:
        return False
    for name in wanted.names:
        if names.count(name) != 1:
            raise SchemaError(
                f"column {name!r} is {'not' if name not in names else 'more than once'} in the file",
                where=f"{file}, first line",
                expected="one column of that name",
                got=", ".join(names[:20]),
                fix="rename one of them in the file" if name in names else _guess(name, names),
            )
    return True


def _guess(name: str, names: Sequence[str]) -> str:
    """What may be wrong with a first line that lacks a column."""
    close = difflib.get_close_matches(name, names, 1)
    if len(names) == 1 and any(sign in names[0] for sign in ";\t|"):
        return "separate the columns by commas; Flink's own csv format, by a source of type sql, reads other signs"
    first = f"did you mean {close[0]!r}? Or set header to false" if close else "set header to false"
    return f"{first} if the first line is a row"


def _jsonl(file: Path, wanted: pa.Schema, batch_rows: int) -> Iterator[pa.RecordBatch]:
    with _open(file) as lines:
        yield from _records(_objects(file, lines), wanted, str(file), batch_rows)


def _objects(file: Path, lines: Iterable[bytes]) -> Iterator[Mapping[str, object]]:
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            yield parse_json(line)
        except DataError as error:
            error.where = f"{file}, line {number:,}"
            raise


def _records(
    rows: Iterator[Mapping[str, object]], wanted: pa.Schema, place: str, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    first = 1
    while some := list(islice(rows, batch_rows)):
        try:
            arrays = [
                column((row.get(field.name) for row in some), field.type, name=field.name, first_row=first, form="sql")
                for field in wanted
            ]
        except DataError as error:
            error.where = f"{place}, {error.where}"
            raise
        yield pa.RecordBatch.from_arrays(arrays, schema=wanted)
        first += len(some)

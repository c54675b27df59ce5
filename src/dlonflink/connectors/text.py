"""Text whose bad records are kept, as the local runtime reads it: batches of good rows, and rejects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlonflink.connectors.fields import parse_fields
from dlonflink.connectors.files import FileSource
from dlonflink.connectors.records import Record, csv_records, lines
from dlonflink.connectors.rejects import Reject
from dlonflink.errors import DataError
from dlonflink.types import column, sql


class Counter(Protocol):
    """Is told of every row, in order; of the bad ones, where they are among the new ones."""

    def add(self, rows: int, rejects: Sequence[tuple[int, Reject]]) -> None: ...


_Convert = Callable[[Sequence[Any], pa.Field], pa.Array]
"""Values of some rows to a column; DataError, or a ValueError of Arrow's, if one of them is none."""


class Text:
    """One file's good rows; bad ones go to `counter`."""

    def __init__(self, source: FileSource, wanted: pa.Schema, place: str, counter: Counter) -> None:
        self._source = source
        self._wanted = wanted
        self._place = place
        self._counter = counter
        time = source.time()
        self._time = time.column if time and time.column in wanted.names else None

    def csv(self, file: IO[bytes], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """`file` is at its beginning; its first line is known to name each wanted column once, if there is one."""
        records = csv_records(file, self._place)
        names = list(self._source.columns)
        if self._source.header:
            first = next(records, None)
            if first is None or first.fields is None:
                return
            names = [name.decode() for name in first.fields]
        places = [names.index(name) for name in self._wanted.names]
        null = self._source.null.encode()

        def row(record: Record) -> list[bytes | None]:
            if record.fields is None:
                raise DataError("the file is not CSV", expected=record.expected)
            if len(record.fields) != len(names):
                raise DataError(
                    "a row has another number of fields than the file has columns",
                    expected=str(len(names)),
                    got=str(len(record.fields)),
                )
            return [None if record.fields[i] == null else record.fields[i] for i in places]

        def convert(values: Sequence[bytes | None], field: pa.Field) -> pa.Array:
            texts = pc.cast(pa.array(values, pa.binary()), pa.string())
            return parse_fields(texts, field, file=self._place, first_row=1)

        yield from self._batches(records, row, convert, batch_rows)

    def jsonl(self, file: IO[bytes], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """`file` is at its beginning."""

        def row(record: Record) -> list[Any]:
            value = parse_json(record.data)
            return [value.get(name) for name in self._wanted.names]

        def convert(values: Sequence[Any], field: pa.Field) -> pa.Array:
            return column(values, field.type, name=field.name, form="sql")

        yield from self._batches(lines(file), row, convert, batch_rows)

    def _batches(
        self, records: Iterator[Record], row: Callable[[Record], list[Any]], convert: _Convert, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        while some := list(islice(records, batch_rows)):
            bad: dict[int, Reject] = {}
            rows: list[list[Any]] = []
            for i, record in enumerate(some):
                try:
                    rows.append(row(record))
                except DataError as error:
                    bad[i] = self._reject(record, "parse", error)
                    rows.append([None] * len(self._wanted))
            columns = [
                self._column(some, list(values), k, convert, bad) for k, values in enumerate(zip(*rows, strict=True))
            ]
            batch = pa.RecordBatch.from_arrays(columns, schema=self._wanted)
            if self._time is not None:
                self._judge_times(some, batch.column(self._time), bad)
            self._counter.add(len(some), sorted(bad.items()))
            if bad:
                batch = batch.filter(pa.array([i not in bad for i in range(len(some))]))
            yield batch

    def _column(
        self, records: Sequence[Record], values: list[Any], k: int, convert: _Convert, bad: dict[int, Reject]
    ) -> pa.Array:
        """Values that are none of the column's become NULLs, and their rows bad."""
        field = self._wanted.field(k)
        if self._source.columns[field.name].upper().endswith("NOT NULL"):
            for i in (i for i, value in enumerate(values) if value is None and i not in bad):
                bad[i] = self._reject(records[i], "parse", _not_null(field))
        return pa.concat_arrays(list(self._pieces(records, values, field, convert, bad)))

    def _pieces(
        self, records: Sequence[Record], values: list[Any], field: pa.Field, convert: _Convert, bad: dict[int, Reject]
    ) -> Iterator[pa.Array]:
        """By halves, down to the value that is none: most are good."""
        spans = [(0, len(values))]
        while spans:
            begin, end = spans.pop()
            try:
                yield convert(values[begin:end], field)
            except (DataError, ValueError) as error:
                if end - begin > 1:
                    middle = (begin + end) // 2
                    spans += [(middle, end), (begin, middle)]
                    continue
                said = error if isinstance(error, DataError) else _not_utf8(field)
                bad.setdefault(begin, self._reject(records[begin], "parse", said))
                yield pa.nulls(1, field.type)

    def _judge_times(self, records: Sequence[Record], times: pa.Array, bad: dict[int, Reject]) -> None:
        for i in map(int, np.flatnonzero(times.is_null().to_numpy(zero_copy_only=False))):
            if i not in bad:
                what = f"column {self._time!r} is the event time and NULL"
                error = DataError(what, expected=self._source.columns[str(self._time)])
                bad[i] = self._reject(records[i], "event-time", error)

    def _reject(self, record: Record, reason: str, error: DataError) -> Reject:
        said = [("expected", error.expected), ("got", error.got)]
        message = "; ".join([error.what, *(f"{name} {text}" for name, text in said if text)])
        return Reject.of(reason, message, f"{self._place}:{record.offset}", record.data)


def parse_json(line: bytes) -> dict[str, object]:
    """Raises DataError for a line that is no JSON object."""
    try:
        value: object = json.loads(line.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError("a line is not JSON", got=str(error), fix="correct the file") from None
    if not isinstance(value, dict):
        raise DataError("a line holds no row", expected="a JSON object", got=line.decode()[:100].strip())
    return cast("dict[str, object]", value)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON; write it in quotes")


def _not_null(field: pa.Field) -> DataError:
    return DataError(
        f"column {field.name!r} does not hold what its type says", expected=f"{sql(field.type)} NOT NULL", got="NULL"
    )


def _not_utf8(field: pa.Field) -> DataError:
    return DataError(f"column {field.name!r} does not hold what its type says", expected="UTF-8")

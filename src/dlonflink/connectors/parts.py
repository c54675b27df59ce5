"""Part files as the local runtime writes them, whole or not at all, in the texts of Flink's json and csv formats."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from dlonflink.connectors.sinks import FileSink
from dlonflink.errors import PipelineError
from dlonflink.settings import local_path


class Part:
    """One part file of a sink, written under a hidden name; `finish` makes it one that others see.

    Left to itself, or after `discard`, nothing of it is seen.
    """

    def __init__(self, sink: FileSink, run: str) -> None:
        """Makes the directory. OSError where it cannot be."""
        folder = folder_of(sink)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"part-{run}-0.{sink.format}"
        self._path = folder / name
        self._hidden = folder / f".{name}.inprogress"
        self._write = _json_lines if sink.format == "jsonl" else _csv_lines
        self._file = self._hidden.open("w", encoding="utf-8", newline="")

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows. OSError where the disk refuses them."""
        self._write(batch, self._file)

    def finish(self) -> None:
        """The rows so far are the file; a file without rows is none."""
        self._file.close()
        if self._hidden.stat().st_size:
            self._hidden.replace(self._path)
        else:
            self._hidden.unlink()

    def discard(self) -> None:
        """No rows of this part are wanted. Nothing happens after `finish`."""
        self._file.close()
        self._hidden.unlink(missing_ok=True)


def folder_of(sink: FileSink) -> Path:
    """PipelineError for a place that only Flink can write to."""
    path = local_path(sink.path)
    if path is None:
        raise PipelineError(
            "the local runtime writes to this machine's disk alone",
            where="sink.path",
            expected="a path",
            got=sink.path,
            fix="run it with --on flink",
        )
    return path


def _json_lines(batch: pa.RecordBatch, file: IO[str]) -> None:
    keys = [f"{json.dumps(name, ensure_ascii=False)}:" for name in batch.schema.names]
    columns = [_texts(column, _json_text, "null") for column in batch.columns]
    for row in zip(*columns, strict=True):
        file.write("{" + ",".join(map("".join, zip(keys, row, strict=True))) + "}\n")


def _csv_lines(batch: pa.RecordBatch, file: IO[str]) -> None:
    columns = [_texts(column, str, "") for column in batch.columns]
    csv.writer(file, lineterminator="\n").writerows(zip(*columns, strict=True))


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _texts(column: pa.Array, quoted: Callable[[str], str], null: str) -> Sequence[str]:
    """Every value of a column; `quoted` makes of a text what the format writes for one."""
    text = _text_of(column.type, quoted)
    return [null if value is None else text(value) for value in _values(column)]


def _values(column: pa.Array) -> Sequence[Any]:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.string()).to_pylist()  # datetime has no nanoseconds
    return column.to_pylist()


def _text_of(type_: pa.DataType, quoted: Callable[[str], str]) -> Callable[[Any], str]:
    types = pa.types
    if types.is_boolean(type_):
        return lambda value: "true" if value else "false"
    if types.is_integer(type_):
        return str
    if types.is_floating(type_):
        single = types.is_float32(type_)
        return lambda value: _float(np.float32(value) if single else np.float64(value), quoted)
    if types.is_decimal(type_):
        return lambda value: format(value, "f")
    if types.is_binary(type_):
        return lambda value: quoted(base64.b64encode(value).decode())
    if types.is_time(type_):
        return lambda value: quoted(value.isoformat("seconds"))  # Flink's json and csv write no fraction of a TIME
    if types.is_timestamp(type_):
        return lambda value: quoted(_without_zeros(value))
    return lambda value: quoted(str(value))


def _float(value: np.floating[Any], quoted: Callable[[str], str]) -> str:
    """As Java writes it: the fewest digits that tell it apart, a point always, an exponent for what is far from 1."""
    if not np.isfinite(value):
        return quoted("NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return np.format_float_positional(value, unique=True, trim="0")
    digits, _, exponent = np.format_float_scientific(value, unique=True, trim="0").partition("e")
    return f"{digits}E{int(exponent)}"


def _without_zeros(text: str) -> str:
    """`2013-01-01 05:15:00.120Z` -> `2013-01-01 05:15:00.12Z`."""
    moment, zone = text.removesuffix("Z"), "Z" if text.endswith("Z") else ""
    return (moment.rstrip("0").rstrip(".") if "." in moment else moment) + zone

"""Rows given in Python: tests and tutorials."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, cast

import pyarrow as pa
from pydantic import field_serializer

from dlonflink.connectors.base import Columns, SourceBase
from dlonflink.connectors.texts import refuse_json
from dlonflink.errors import DataError
from dlonflink.settings import OnResume
from dlonflink.types import column, parse, table


class MemorySource(SourceBase):
    """Rows in the pipeline itself, for tests and tutorials."""

    on_resume = OnResume(kept=("type", "rows"), free=("columns",))

    type: Literal["memory"] = "memory"
    columns: Columns
    rows: tuple[dict[str, Any], ...]

    @field_serializer("rows", when_used="json")
    def _rows_as_json(self, rows: tuple[dict[str, Any], ...]) -> Any:
        return _writable(rows)


def records(source: MemorySource) -> pa.RecordBatch:
    """All rows. Raises DataError, naming row and column, for a value that is not of its column's type; PipelineError
    for a type that Flink would not read from JSON.
    """
    refuse_json(source.columns)
    schema = pa.schema([(name, parse(text, column=name)) for name, text in source.columns.items()])
    try:
        arrays = [column((row.get(field.name) for row in source.rows), field.type, name=field.name) for field in schema]
    except DataError as error:
        error.where = f"source.rows, {error.where}"
        raise
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def json_lines(batch: pa.RecordBatch) -> Iterator[str]:
    """One JSON object a row, in the words of Flink's json format: what it reads is what stands in `batch`.

    Raises DataError for a MAP with a NULL key, for which JSON has no word.
    """
    for i in range(batch.num_rows):
        values = {field.name: json_value(batch.column(k)[i], _text_key) for k, field in enumerate(batch.schema)}
        yield json.dumps(values, allow_nan=False) + "\n"


def _writable(value: Any) -> Any:
    """What JSON has no word for, in the words that columns are read from: base64 for bytes, `NaN`, `Infinity`."""
    if isinstance(value, dict):
        return {name: _writable(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_writable(one) for one in cast("list[Any]", value)]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text_key(scalar: pa.Scalar) -> str:
    if not scalar.is_valid:
        raise DataError(
            "a MAP in source.rows has a NULL key",
            where="source.rows",
            expected="text",
            fix="such rows reach Flink as JSON, which has no NULL key: leave it out",
        )
    return scalar.as_py()


def _any_key(scalar: pa.Scalar) -> str:
    return str(json_value(scalar)) if scalar.is_valid else "null"


def json_value(scalar: pa.Scalar, key: Callable[[pa.Scalar], str] = _any_key) -> object:
    """A value as Flink's json format writes it; `key` makes texts of a MAP's keys, for JSON has no others."""
    type_ = scalar.type
    if not scalar.is_valid:
        return None
    if table.entries(type_):
        return {key(entry["key"]): json_value(entry["value"], key) for entry in scalar.values}
    if isinstance(type_, pa.ListType):
        return [json_value(item, key) for item in scalar.values]
    if isinstance(type_, pa.StructType):
        return {name: json_value(field, key) for name, field in scalar.items()}
    if isinstance(type_, pa.TimestampType):
        return scalar.cast(pa.string()).as_py()  # with a space, and a Z where it has a zone: Flink's SQL form
    value = scalar.as_py()
    return _writable(value) if isinstance(value, bool | int | float | str | bytes) else str(value)

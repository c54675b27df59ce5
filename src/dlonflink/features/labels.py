"""What came true: label columns as numbers, judged row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlonflink.errors import DataError, SchemaError
from dlonflink.features import arrays
from dlonflink.features.batch import Float, Truth
from dlonflink.features.columns import Label
from dlonflink.types import sql


def truth(batch: pa.RecordBatch, labels: Sequence[Label], *, first_row: int, key: Sequence[str]) -> Truth:
    """Labels and weights, float32 [rows, labels]. `first_row`: rows of the stream before these.

    Raises DataError, naming the row and its key columns, for a label that is not 0 or 1, or a weight that is negative
    or no number; SchemaError for a column that holds no numbers.
    """
    shape = (batch.num_rows, len(labels))
    values, weights = np.empty(shape, np.float32), np.ones(shape, np.float32)
    for i, label in enumerate(labels):
        numbers = _numbers(batch, label.column)
        if bad := _first(~((numbers == 0) | (numbers == 1))):
            raise DataError(
                f"label column {label.column!r} holds {_said(numbers[bad[0]])}",
                where=place(batch, bad[0], first_row=first_row, key=key),
                expected="0 or 1 (or a BOOLEAN)",
                got=_said(numbers[bad[0]]),
                fix="make it so in source.query, e.g. CAST(rating >= 4 AS INT) AS liked, and leave NULLs out",
            )
        values[:, i] = numbers
        if label.weight is not None:
            weights[:, i] = _weights(batch, label.weight, first_row, key)
    return Truth(values, weights)


def place(batch: pa.RecordBatch, row: int, *, first_row: int, key: Sequence[str]) -> str:
    """A row by its number in the stream, from 1, and its key columns."""
    said = f"row {first_row + row + 1:,}"
    names = [f"{column}={batch.column(column)[row].as_py()}" for column in key]
    return f"{said} (key {', '.join(names)})" if names else said


def _weights(batch: pa.RecordBatch, column: str, first_row: int, key: Sequence[str]) -> Float:
    numbers = _numbers(batch, column)
    numbers[arrays.nulls(batch.column(column))] = 1.0
    if bad := _first(~((numbers >= 0) & np.isfinite(numbers))):
        raise DataError(
            f"weight column {column!r} holds {_said(numbers[bad[0]])}",
            where=place(batch, bad[0], first_row=first_row, key=key),
            expected="a number >= 0, or NULL for 1",
            got=_said(numbers[bad[0]]),
            fix="leave such rows out, or bound the column, in source.query",
        )
    return numbers.astype(np.float32)


def _numbers(batch: pa.RecordBatch, column: str) -> NDArray[np.float64]:
    """NULL as NaN."""
    array = batch.column(column)
    if not (arrays.is_number(array.type) or pa.types.is_boolean(array.type)):
        raise SchemaError(
            f"column {column!r} is no number", expected="a number or BOOLEAN", got=sql(array.type), fix="CAST it"
        )
    numbers = arrays.floats(array).copy()
    numbers[arrays.nulls(array)] = np.nan
    return numbers


def _first(bad: NDArray[np.bool_]) -> list[int]:
    """The first true position, if there is one."""
    return [int(np.argmax(bad))] if bad.any() else []


def _said(number: np.float64) -> str:
    return "NULL" if np.isnan(number) else f"{number:g}"

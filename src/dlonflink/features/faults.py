"""Rows that no learner may see, found for a whole batch at once; each kind has a code, which is a reject's `reason`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlonflink.errors import DataError, SchemaError
from dlonflink.features import arrays
from dlonflink.features.columns import Dense, Features, Hashed, Label
from dlonflink.features.labels import numbers, weights_of
from dlonflink.types import sql

FIRST_TIME, LAST_TIME = -62_135_596_800_000, 253_402_300_799_999
"""Milliseconds of the years 0001 to 9999. What lies outside is a count of other units, and would move every window."""


@dataclass(frozen=True)
class Fault:
    """Rows of a batch with one fault. `error` says it of one of them; its `where` is for the caller to fill."""

    reason: str
    rows: NDArray[np.bool_]
    error: Callable[[int], DataError]


def time_fault(batch: pa.RecordBatch, column: str) -> Fault:
    """`event-time`: NULL, or outside the calendar. Raises SchemaError for a column that is no time."""
    array = batch.column(column)
    if not arrays.is_time(array.type):
        raise SchemaError(
            f"column {column!r} cannot be the event time",
            where="source.event_time",
            expected="TIMESTAMP, TIMESTAMP_LTZ, DATE, or BIGINT (milliseconds since 1970)",
            got=sql(array.type),
            fix="CAST it in source.query",
        )
    missing, times = arrays.nulls(array), arrays.milliseconds(array)
    outside = ~missing & ((times < FIRST_TIME) | (times > LAST_TIME))

    def error(row: int) -> DataError:
        if missing[row]:
            return DataError(
                f"column {column!r} is the event time and NULL",
                expected=sql(array.type),
                fix="leave rows without a time out in source.query, or declare no event_time",
            )
        return DataError(
            f"column {column!r} is the event time and outside the calendar",
            expected="a time of the years 0001 to 9999; a BIGINT in milliseconds since 1970",
            got=f"{times[row]} ms",
            fix="bring it to milliseconds, or leave such rows out, in source.query",
        )

    return Fault("event-time", missing | outside, error)


def label_faults(batch: pa.RecordBatch, label: Label) -> Iterator[Fault]:
    """`label`: neither 0 nor 1. `weight`: negative, or no number. Raises SchemaError for a column of no numbers."""
    values = numbers(batch, label.column)

    def no_label(row: int) -> DataError:
        return DataError(
            f"label column {label.column!r} holds {_said(values[row])}",
            expected="0 or 1 (or a BOOLEAN)",
            got=_said(values[row]),
            fix="make it so in source.query, e.g. CAST(rating >= 4 AS INT) AS liked, and leave NULLs out",
        )

    yield Fault("label", ~((values == 0) | (values == 1)), no_label)
    if label.weight is None:
        return
    weights = weights_of(batch, label.weight)

    def no_weight(row: int) -> DataError:
        return DataError(
            f"weight column {label.weight!r} holds {_said(weights[row])}",
            expected="a number >= 0, or NULL for 1",
            got=_said(weights[row]),
            fix="leave such rows out, or bound the column, in source.query",
        )

    yield Fault("weight", ~((weights >= 0) & np.isfinite(weights)), no_weight)


def feature_faults(batch: pa.RecordBatch, features: Features) -> Iterator[Fault]:
    """`infinite`: a dense number that is. `too-long`: a list beyond its `max_length`."""
    for dense in features.all_dense():
        column = batch.column(dense.column)
        if pa.types.is_floating(column.type):
            yield infinite(dense, column)
    for hashed in features.all_hashed():
        if hashed.max_length is not None:
            yield _too_long(hashed, hashed.max_length, batch.column(hashed.column))


def infinite(dense: Dense, column: pa.Array) -> Fault:
    """Learners read float32: what only a double holds is infinite to them, unless log1p makes it small."""
    values = arrays.floats(column)
    most = np.finfo(np.float32 if dense.transform == "none" else np.float64).max

    def error(row: int) -> DataError:
        return DataError(
            f"column {dense.column!r} holds {values[row]}, which no learner can use",
            expected="a finite number",
            fix="leave such rows out, or bound the column, in source.query",
        )

    return Fault("infinite", (np.abs(values) > most) & ~arrays.nulls(column), error)


def _too_long(hashed: Hashed, most: int, column: pa.ListArray) -> Fault:
    lengths = np.diff(arrays.elements(column)[1])

    def error(row: int) -> DataError:
        return DataError(
            f"the list in column {hashed.column!r} is too long",
            expected=f"at most {most:,} elements (features.hashed, max_length)",
            got=f"{lengths[row]:,}",
            fix="raise max_length, or shorten the list in source.query",
        )

    return Fault("too-long", lengths > most, error)


def _said(number: np.float64) -> str:
    return "NULL" if np.isnan(number) else f"{number:g}"

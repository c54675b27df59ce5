"""What came true: label columns as numbers, of rows that `faults` has let through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlonflink.errors import SchemaError
from dlonflink.features import arrays
from dlonflink.features.batch import Truth
from dlonflink.features.columns import Label
from dlonflink.types import sql


def truth(batch: pa.RecordBatch, labels: Sequence[Label]) -> Truth:
    """Labels and weights, float32 [rows, labels]. Raises SchemaError for a column that holds no numbers."""
    shape = (batch.num_rows, len(labels))
    values, weights = np.empty(shape, np.float32), np.ones(shape, np.float32)
    for i, label in enumerate(labels):
        values[:, i] = numbers(batch, label.column)
        if label.weight is not None:
            weights[:, i] = weights_of(batch, label.weight)
    return Truth(values, weights)


def numbers(batch: pa.RecordBatch, column: str) -> NDArray[np.float64]:
    """NULL as NaN. Raises SchemaError for a column that holds no numbers."""
    array = batch.column(column)
    if not (arrays.is_number(array.type) or pa.types.is_boolean(array.type)):
        raise SchemaError(
            f"column {column!r} is no number", expected="a number or BOOLEAN", got=sql(array.type), fix="CAST it"
        )
    values = arrays.floats(array).copy()
    values[arrays.nulls(array)] = np.nan
    return values


def weights_of(batch: pa.RecordBatch, column: str) -> NDArray[np.float64]:
    """As `numbers`, but NULL as 1."""
    values = numbers(batch, column)
    values[arrays.nulls(batch.column(column))] = 1.0
    return values

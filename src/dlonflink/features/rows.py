"""Rows given as dicts, as a batch the encoder reads: requests, tests, a console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from dlonflink.features.spec import FeatureSpec
from dlonflink.types import column


def rows(spec: FeatureSpec, given: Sequence[Mapping[str, object]]) -> pa.RecordBatch:
    """A missing column is NULL, an unknown one is ignored. DataError, naming row and column, for a wrong value."""
    schema = spec.arrow()
    columns = [column((row.get(field.name) for row in given), field.type, name=field.name) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)

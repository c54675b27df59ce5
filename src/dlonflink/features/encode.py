"""The one encoder: an Arrow batch becomes what learners read, in training and in serving alike."""

from __future__ import annotations

from typing import final

import numpy as np
import pyarrow as pa

from dlonflink.errors import SchemaError
from dlonflink.features import arrays, bags, hashing
from dlonflink.features.batch import Bag, Batch, Float, Ids, Ragged, Times
from dlonflink.features.columns import Crossed, Dense, Hashed
from dlonflink.features.faults import infinite
from dlonflink.features.hashing import Vocabulary
from dlonflink.features.ids import hash_column, hash_list
from dlonflink.features.spec import FeatureSpec
from dlonflink.types import sql

DENSE_SPACE = "dense"
"""Vocabulary of the IDs under which dense columns stand in a bag."""


@final
class Encoder:
    """Encodes batches that have the spec's columns (more are ignored). Holds no state: equal rows, equal numbers."""

    def __init__(self, spec: FeatureSpec) -> None:
        spec.check()
        self._schema = schema = spec.arrow()
        self._accepted: pa.Schema | None = None
        hashed = spec.features.all_hashed()
        is_list = {one.column: isinstance(schema.field(one.column).type, pa.ListType) for one in hashed}
        self._singles = tuple(one for one in hashed if not is_list[one.column])
        self._lists = tuple(one for one in hashed if is_list[one.column])
        self._crosses = spec.features.all_crossed()
        self._dense = spec.features.all_dense()
        self._extra = _parts(self._singles, self._crosses)
        self._picks = [_picks(cross, self._singles, self._extra, len(self._crosses)) for cross in self._crosses]
        names = [*(one.space for one in hashed), *(one.column for one in self._extra), *(x.name for x in self._crosses)]
        self._vocabularies = {name: Vocabulary.of(name) for name in names}
        space = Vocabulary.of(DENSE_SPACE)
        self._dense_ids = np.array([space.id(one.column.encode()) for one in self._dense], np.uint64)
        spaces = [one.space for one in self._singles]
        self._distinct = not self._lists and not self._dense and len(set(spaces)) == len(spaces)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of Batch.ids' columns: hashed scalars, then crosses."""
        return (*(one.column for one in self._singles), *(cross.name for cross in self._crosses))

    @property
    def lists(self) -> tuple[str, ...]:
        """Names of Batch.lists."""
        return tuple(one.column for one in self._lists)

    @property
    def dense(self) -> int:
        """Columns of Batch.dense."""
        return len(self._dense)

    def encode(self, batch: pa.RecordBatch, event_time: str | None = None) -> Batch:
        """`event_time` names its column, of rows that `faults.time_fault` has let through.

        Raises SchemaError for a batch without the spec's columns and types, DataError, naming the row of the batch,
        for a dense number that is infinite.
        """
        self._accept(batch.schema)
        ids = self._ids(batch)
        lists = {
            one.column: hash_list(batch.column(one.column), self._vocabularies[one.space], one.bucket, one.pooling)
            for one in self._lists
        }
        dense = np.empty((batch.num_rows, len(self._dense)), np.float32)
        for i, one in enumerate(self._dense):
            dense[:, i] = _numbers(one, batch.column(one.column))
        none = event_time is None
        times: Times = np.zeros(batch.num_rows, np.int64) if none else arrays.milliseconds(batch.column(event_time))
        return Batch(batch.num_rows, ids, lists, dense, times, self._bag(ids, lists, dense))

    def _accept(self, schema: pa.Schema) -> None:
        """Equal rows are equal numbers only while the types are those the spec was made of."""
        if self._accepted is not None and schema.equals(self._accepted):
            return
        for wanted in self._schema:
            place = schema.get_field_index(wanted.name)
            given = schema.field(place).type if place >= 0 else None
            if given is None or sql(given) != sql(wanted.type):
                raise SchemaError(
                    f"column {wanted.name!r} is not as the features were declared",
                    expected=sql(wanted.type),
                    got="no column of that name, or several" if given is None else sql(given),
                    fix="bring the rows to these types, or train anew",
                )
        self._accepted = schema

    def _ids(self, batch: pa.RecordBatch) -> Ids:
        """[size, features]. Parts of crosses that are no features themselves stand behind them, and are cut off."""
        width = len(self._singles) + len(self._crosses)
        cells = np.empty((batch.num_rows, width + len(self._extra)), np.uint64)
        for i, one in enumerate(self._singles):
            hash_column(batch.column(one.column), self._vocabularies[one.space], one.bucket, cells, i)
        for i, one in enumerate(self._extra, width):
            hash_column(batch.column(one.column), self._vocabularies[one.space], one.bucket, cells, i)
        for i, (cross, picks) in enumerate(zip(self._crosses, self._picks, strict=True), len(self._singles)):
            hashing.hash_cross(cells, picks, self._vocabularies[cross.name].seeds[0], cells, i)
        return np.ascontiguousarray(cells[:, :width]) if self._extra else cells

    def _bag(self, ids: Ids, lists: dict[str, Ragged], dense: Float) -> Bag:
        if self._distinct:
            return bags.grid(ids)
        return bags.merged(ids, [lists[one.column] for one in self._lists], self._dense_ids, dense)


def _parts(singles: tuple[Hashed, ...], crosses: tuple[Crossed, ...]) -> tuple[Hashed, ...]:
    """Columns that crosses need in their own vocabulary and that are no features in just that way."""
    columns = dict.fromkeys(column for cross in crosses for column in cross.columns)
    return tuple(Hashed(column=column) for column in columns if column not in _plain(singles))


def _plain(singles: tuple[Hashed, ...]) -> dict[str, int]:
    """Places of the features that are their columns' IDs in their own vocabulary."""
    return {one.column: i for i, one in enumerate(singles) if one.space == one.column and one.bucket is None}


def _picks(cross: Crossed, singles: tuple[Hashed, ...], extra: tuple[Hashed, ...], crosses: int) -> arrays.Longs:
    """Where a cross's parts lie among the cells: singles, then crosses, then extra parts."""
    places = _plain(singles) | {one.column: i for i, one in enumerate(extra, len(singles) + crosses)}
    return np.array([places[column] for column in cross.columns], np.int64)


def _numbers(dense: Dense, column: pa.Array) -> Float:
    fault = infinite(dense, column)
    if fault.rows.any():
        row = int(np.argmax(fault.rows))
        error = fault.error(row)
        error.where = f"row {row + 1:,}"
        raise error
    values = arrays.floats(column).copy()
    values[arrays.nulls(column) | np.isnan(values)] = dense.fill
    if dense.transform == "log1p":
        values = np.sign(values) * np.log1p(np.abs(values))
    return values.astype(np.float32)

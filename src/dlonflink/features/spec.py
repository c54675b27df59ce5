"""Which features there are and of which types their columns are: all an encoder needs, so all a version carries."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pyarrow as pa

from dlonflink.errors import PipelineError, SchemaError
from dlonflink.features import arrays
from dlonflink.features.columns import Features
from dlonflink.settings import Settings
from dlonflink.types import parse, sql


class FeatureSpec(Settings):
    """Features, and the Flink SQL type of every column they read. Reads back from its own JSON."""

    features: Features
    columns: dict[str, str]

    @classmethod
    def of(cls, features: Features, schema: pa.Schema) -> FeatureSpec:
        """The spec of `features` over rows of `schema`.

        Raises SchemaError for a column that is missing, or of a type that cannot be such a feature.
        """
        types: dict[str, str] = {}
        for column in features.columns():
            if column not in schema.names:
                close = difflib.get_close_matches(column, schema.names, 1)
                fix = f"did you mean {close[0]!r}?" if close else f"the rows have: {', '.join(schema.names)}"
                raise SchemaError(f"column {column!r} is not in the rows", where="features", fix=fix)
            types[column] = sql(schema.field(column).type)
        spec = cls(features=features, columns=types)
        spec.check()
        return spec

    def arrow(self) -> pa.Schema:
        """Every column read, in order, as Arrow."""
        return pa.schema([(name, parse(type_, column=name)) for name, type_ in self.columns.items()])

    def check(self) -> None:
        """Refuses what no encoder can make: SchemaError for a type, PipelineError for a feature declared twice."""
        schema = self.arrow()
        seen: set[tuple[str, ...]] = set()
        for place, name, columns in self._declared():
            if name in seen:
                fix = (
                    "leave one out"
                    if len(name) > 1
                    else "leave one out; `vocabulary` renames the space, not the feature"
                )
                raise PipelineError(f"feature {'*'.join(name)!r} is declared twice", where=place, fix=fix)
            seen.add(name)
            for column in columns:
                _check_type(place, column, schema.field(column).type, self._bucketed(place))

    def _declared(self) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """Place, name and columns of every feature."""
        features = self.features
        for i, hashed in enumerate(features.all_hashed()):
            yield f"features.hashed[{i}]", (hashed.column,), (hashed.column,)
        for i, crossed in enumerate(features.all_crossed()):
            yield f"features.crossed[{i}]", crossed.columns, crossed.columns
        for i, dense in enumerate(features.all_dense()):
            yield f"features.dense[{i}]", ("dense", dense.column), (dense.column,)

    def _bucketed(self, place: str) -> bool:
        buckets = {f"features.hashed[{i}]" for i, one in enumerate(self.features.all_hashed()) if one.bucket}
        return place in buckets


def _check_type(place: str, column: str, type_: pa.DataType, bucketed: bool) -> None:
    if place.startswith("features.dense"):
        fits, expected = arrays.is_number(type_) or pa.types.is_boolean(type_), "a number"
    elif place.startswith("features.crossed"):
        fits, expected = arrays.is_hashable(type_), "a scalar"
    else:
        element = type_.value_type if isinstance(type_, pa.ListType) else type_
        fits, expected = arrays.is_hashable(element), "a scalar or an ARRAY of scalars"
        if bucketed:
            fits, expected = arrays.is_number(element), "a number or an ARRAY of numbers"
    if not fits:
        raise SchemaError(
            f"column {column!r} cannot be this feature",
            where=place,
            expected=expected,
            got=sql(type_),
            fix="CAST it, or take it apart, in source.query",
        )

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
        seen: set[tuple[bool, str]] = set()
        for kind, place, name, columns in self._declared():
            if (kind == "dense", name) in seen:  # a column may be an ID and a number
                raise PipelineError(
                    f"feature {name!r} is declared twice", where=place, fix="leave one out, or copy the column by SQL"
                )
            seen.add((kind == "dense", name))
            for column in columns:
                if column not in schema.names:
                    raise SchemaError(f"the type of column {column!r} is not said", where=place)
                _check_type(kind, place, column, schema.field(column).type)
        for i, hashed in enumerate(self.features.all_hashed()):
            if hashed.max_length is not None and not isinstance(schema.field(hashed.column).type, pa.ListType):
                raise PipelineError(
                    f"column {hashed.column!r} is no ARRAY",
                    where=f"features.hashed[{i}].max_length",
                    got=sql(schema.field(hashed.column).type),
                    fix="leave max_length out",
                )

    def _declared(self) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
        """Kind, place, name and columns of every feature."""
        features = self.features
        for i, hashed in enumerate(features.all_hashed()):
            kind = "bucketed" if hashed.bucket else "hashed"
            yield kind, f"features.hashed[{i}]", hashed.column, (hashed.column,)
        for i, crossed in enumerate(features.all_crossed()):
            yield "crossed", f"features.crossed[{i}]", crossed.name, crossed.columns
        for i, dense in enumerate(features.all_dense()):
            yield "dense", f"features.dense[{i}]", dense.column, (dense.column,)


def _check_type(kind: str, place: str, column: str, type_: pa.DataType) -> None:
    element = type_.value_type if isinstance(type_, pa.ListType) else type_
    match kind:
        case "dense":
            fits, expected = arrays.is_number(type_) or pa.types.is_boolean(type_), "a number"
        case "crossed":
            fits, expected = arrays.is_hashable(type_), "a scalar"
        case "bucketed":
            fits, expected = arrays.is_number(element), "a number or an ARRAY of numbers"
        case _:
            fits, expected = arrays.is_hashable(element), "a scalar or an ARRAY of scalars"
    if not fits:
        raise SchemaError(
            f"column {column!r} cannot be this feature",
            where=place,
            expected=expected,
            got=sql(type_),
            fix="CAST it, or take it apart, in source.query",
        )

"""Sources whose batches pass whole: Flink carries values of BYTES, and only the worker looks into them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import pyarrow as pa

from dlonflink.connectors.files import FileSource
from dlonflink.connectors.memory import MemorySource
from dlonflink.connectors.sql import SqlSource
from dlonflink.settings import Settings
from dlonflink.types import parse

Kind = Literal["rows", "arrow", "parquet"]

VALUE = "batch"
"""The column of BYTES in the tables that we declare ourselves."""


class Input(Settings):
    """How rows come to the worker."""

    kind: Kind = "rows"
    """rows: Flink's, as record batches. arrow: each value is an Arrow IPC stream. parquet: each is such a stream, of
    ranges of Parquet files."""
    columns: dict[str, str] = {}
    """What the worker takes out of the values, with Flink's types. Empty for rows: the handshake has theirs."""


def kind(source: FileSource | SqlSource | MemorySource) -> Kind:
    """How the source's rows come to the worker."""
    if isinstance(source, FileSource) and (source.format == "arrow" or source.format == "parquet"):
        return source.format
    return "arrow" if isinstance(source, SqlSource) and source.arrow is not None else "rows"


def declared(source: FileSource | SqlSource | MemorySource) -> Mapping[str, str] | None:
    """The columns a pipeline may speak of, where they are known without Flink: not of SQL."""
    if isinstance(source, SqlSource):
        return source.arrow.columns if source.arrow else None
    return source.columns if source.query is None else None


def value_column(source: FileSource | SqlSource | MemorySource) -> str:
    """The column of BYTES, in a source that is not of rows."""
    return source.arrow.column if isinstance(source, SqlSource) and source.arrow else VALUE


def input_of(source: FileSource | SqlSource | MemorySource, read: Iterable[str]) -> Input:
    """`read`: the columns that the pipeline speaks of."""
    columns = declared(source)
    if kind(source) == "rows" or columns is None:
        return Input()
    return Input(kind=kind(source), columns={name: columns[name] for name in read if name in columns})


def schema_of(columns: Mapping[str, str]) -> pa.Schema:
    """Raises PipelineError for a type that is none."""
    return pa.schema([(name, parse(type_, column=name)) for name, type_ in columns.items()])

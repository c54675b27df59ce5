"""What BATCH frames hold: rows as Flink's side encoded them, or values that passed through it unopened."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Protocol, final

import pyarrow as pa

from dlonflink.connectors.foreign import BROKEN, Streams
from dlonflink.connectors.parquet import Ranges
from dlonflink.connectors.values import Input, schema_of
from dlonflink.errors import ProtocolError, short
from dlonflink.worker import messages
from dlonflink.worker.texts import Received, decode


class Batches(Protocol):
    """Reads one frame after another."""

    schema: pa.Schema
    """Of every batch that `read` gives."""

    def read(self, value: messages.Bytes) -> Iterator[Received]:
        """Raises ProtocolError for bytes of Flink's side that are none, DataError for those of others."""
        ...


def of(told: Input, hello: messages.Hello) -> Batches:
    match told.kind:
        case "arrow":
            return Values(Streams(schema_of(told.columns)))
        case "parquet":
            return Values(Ranges(schema_of(told.columns)))
        case "rows":
            return Rows(_schema(hello))


@final
class Rows:
    """Record batches of the schema that HELLO announced."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema

    def read(self, value: messages.Bytes) -> Iterator[Received]:
        yield decode(value, self.schema)


@final
class Values:
    """Batches of others, whose readers check them in full."""

    def __init__(self, reader: Streams | Ranges) -> None:
        self._reader = reader
        self.schema = reader.schema

    def read(self, value: messages.Bytes) -> Iterator[Received]:
        for batch in self._reader.read(value):
            yield Received(batch, {})


def _schema(hello: messages.Hello) -> pa.Schema:
    try:
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(hello.schema_, validate=True)))
    except BROKEN as error:
        raise ProtocolError("HELLO holds no Arrow schema", got=short(str(error))) from error

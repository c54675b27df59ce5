"""Cuts the stream into the batches a learner sees, by row count and never by how the transport cut it.

Rows that do not fill a batch wait here, across barriers too: they are part of the snapshot, as rows.
"""

from __future__ import annotations

import math
from collections import deque

import pyarrow as pa

from dlonflink.connectors.foreign import BROKEN
from dlonflink.errors import ResumeError, short
from dlonflink.training.snapshot import damaged


class Batcher:
    """Batches of exactly `rows` rows, in order. `max_wait` seconds after its first row came, a shorter one is due too;
    None: never, so that the batches depend on the rows alone.

    Times are what the caller's clock says, in seconds; nothing here reads one.
    """

    def __init__(self, rows: int, max_wait: float | None) -> None:
        self._rows = rows
        self._max_wait = max_wait
        self._waiting: deque[pa.RecordBatch] = deque()
        self._held = 0
        self._since = math.inf  # when the oldest waiting row came

    @property
    def held(self) -> int:
        """Rows that wait."""
        return self._held

    def add(self, batch: pa.RecordBatch, now: float) -> list[pa.RecordBatch]:
        """The full batches that `batch` completes."""
        if batch.num_rows == 0:
            return []
        full: list[pa.RecordBatch] = []
        taken = 0
        while self._held + batch.num_rows - taken >= self._rows:
            end = taken + self._rows - self._held
            self._hold(batch.slice(taken, end - taken), now)
            full.append(self._take())
            taken = end
        if taken < batch.num_rows:
            self._hold(batch.slice(taken), now)
        return full

    def due(self) -> float | None:
        """When the waiting rows must be cut; None: no rows wait, or there is no limit."""
        return None if self._max_wait is None or not self._held else self._since + self._max_wait

    def tick(self, now: float) -> list[pa.RecordBatch]:
        """The waiting rows as a short batch, if they are due."""
        due = self.due()
        return [] if due is None or now < due else self.rest()

    def rest(self) -> list[pa.RecordBatch]:
        """The waiting rows as a short batch: at the end of the stream."""
        return [self._take()] if self._held else []

    def snapshot(self) -> bytes:
        """The waiting rows as an Arrow IPC stream; empty when there are none."""
        if not self._held:
            return b""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self._waiting[0].schema) as writer:
            for batch in self._waiting:
                writer.write_batch(batch)
        return sink.getvalue().to_pybytes()

    def restore(self, data: bytes, schema: pa.Schema) -> None:
        """Takes up the rows of a snapshot; they have waited long enough, so a limit makes them due at once. They may
        have more columns than `schema`, in any order.

        Raises ResumeError when they lack one, or have it of another type, CorruptionError when they are no rows.
        """
        if not data:
            return
        try:
            self._restore(data, schema)
        except BROKEN as error:
            raise damaged("the snapshot's waiting rows cannot be read", got=short(str(error))) from error

    def _restore(self, data: bytes, schema: pa.Schema) -> None:
        with pa.ipc.open_stream(data) as reader:
            if any(field not in reader.schema for field in schema):
                raise ResumeError(
                    "the snapshot holds waiting rows of another schema",
                    expected=_columns(schema),
                    got=_columns(reader.schema),
                    fix="run with --fresh, or give the source its old columns",
                )
            for batch in reader:
                batch.validate(full=True)
                self._hold(batch.select(schema.names), -math.inf)

    def _hold(self, batch: pa.RecordBatch, now: float) -> None:
        if not self._held:
            self._since = now
        self._waiting.append(batch)
        self._held += batch.num_rows

    def _take(self) -> pa.RecordBatch:
        batches = list(self._waiting)
        self._waiting.clear()
        self._held = 0
        return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)

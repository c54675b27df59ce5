"""A worker that learns nothing and keeps the rows: `python -m dlonflink.testing.collector FILE ROWS SOCKET`.

FILE becomes an Arrow IPC stream when the input is over, or ROWS are there (0: no limit). It speaks the whole protocol,
so Flink's side is the one that trains; its checkpoints hold nothing to go on from.
"""

from __future__ import annotations

import hashlib
import math
import os
import socket
import sys
from pathlib import Path
from typing import final

import pyarrow as pa

from dlonflink.errors import DLOnFlinkError, ResumeError
from dlonflink.store.provenance import libraries
from dlonflink.training.settings import TrainingPlan
from dlonflink.worker import batches, messages
from dlonflink.worker.protocol import CREDITS
from dlonflink.worker.pulse import Pulse, beat
from dlonflink.worker.room import Room
from dlonflink.worker.threads import Inbox, Writer, hold_lifeline, read_frames, start

_NOTHING = b"nothing"
"""The snapshot."""


def main() -> int:
    """The exit code, as the worker's."""
    file, rows, path = sys.argv[1:]
    os.setpgid(0, 0)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        start("lifeline", lambda: hold_lifeline(sys.stdin.fileno()))
        inbox, writer = Inbox(), Writer(connection)
        start("reader", lambda: read_frames(connection, inbox, Room()))
        try:
            collector = Collector(Path(file), int(rows), writer)
            while not collector.over:
                event = inbox.take(None)
                assert isinstance(event, messages.ToWorker)
                collector.take(event)
        except DLOnFlinkError as error:
            writer.send(messages.Error(error.to_json()))
            return 1
        finally:
            writer.flush()
    return 0


@final
class Collector:
    """Takes messages in their order. When it has its rows it gives no more credit: the job waits to be ended."""

    def __init__(self, file: Path, rows: int, writer: Writer) -> None:
        self._file = file
        self._limit = rows
        self._writer = writer
        self._rows = 0
        self._received = 0
        self._full = False
        self._batches: batches.Batches
        self._stream: pa.RecordBatchStreamWriter
        self.over = False

    def take(self, message: messages.ToWorker) -> None:
        """Raises ResumeError where the job was started again, DataError for rows that are none."""
        match message:
            case messages.Hello():
                self._begin(message)
            case messages.Batch(data=data):
                self._keep(data)
            case messages.Barrier(checkpoint=checkpoint):
                self._writer.send(messages.Aligned(checkpoint))
                self._snapshot(checkpoint)
            case messages.Commit(checkpoint=checkpoint):
                self._writer.send(
                    messages.Version(checkpoint=checkpoint, outcome="skipped", reason="rows are collected")
                )
            case messages.Watermark(ms=ms):
                self._writer.send(messages.Passed(ms))
            case messages.End():
                self._close()
                self._snapshot(messages.FINAL)
                self._writer.send(messages.Finished({"rows": self._received}))
            case messages.Stop():
                self.over = True
            case messages.Restore() | messages.Abort():
                pass

    def _begin(self, hello: messages.Hello) -> None:
        if hello.attempt > 0:
            raise ResumeError("the job failed and was started again while its rows were collected", fix="collect anew")
        plan = TrainingPlan.model_validate(hello.worker[0])
        self._batches = batches.of(plan.input, hello)
        self._stream = pa.ipc.new_stream(str(self._part), self._batches.schema)
        self._writer.send(
            messages.Ready(protocol=messages.PROTOCOL, pid=os.getpid(), libraries=libraries(), received=0)
        )
        start("heart", lambda: beat(Pulse(), self._writer, math.inf))
        self._writer.send(messages.Credit(CREDITS))

    @property
    def _part(self) -> Path:
        return self._file.with_suffix(".part")

    def _keep(self, data: messages.Bytes) -> None:
        for received in self._batches.read(data):
            batch = received.batch
            self._received += batch.num_rows
            if self._full:
                continue
            kept = batch.slice(0, self._limit - self._rows) if self._limit else batch
            self._stream.write_batch(kept)
            self._rows += kept.num_rows
            if self._rows == self._limit:
                self._close()
        if not self._full:
            self._writer.send(messages.Credit(1))

    def _close(self) -> None:
        if not self._full:
            self._full = True
            self._stream.close()
            self._part.rename(self._file)

    def _snapshot(self, checkpoint: int) -> None:
        self._writer.send(messages.Snapshot(checkpoint, _NOTHING))
        self._writer.send(messages.Durable(checkpoint, len(_NOTHING), hashlib.sha256(_NOTHING).digest()))


if __name__ == "__main__":
    sys.exit(main())

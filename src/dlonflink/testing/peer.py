"""Flink's side of the wire in Python: starts a worker as Flink does, and speaks to it, for tests without a JVM."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, final

import pyarrow as pa

from dlonflink.connectors.rejects import SCHEMA as REJECTS
from dlonflink.errors import WorkerError, from_json
from dlonflink.settings import inherited
from dlonflink.training.settings import TrainingPlan
from dlonflink.worker import messages, wire

_SECONDS = 60.0
_CHUNK = 1 << 16
_M = TypeVar("_M", bound=messages.ToFlink)


@final
class Peer:
    """One attempt. `with Peer(plan, schema) as peer: peer.greet()`; leaving the block kills a worker that still runs.

    Everything is checked as Flink would: credits, digests, the order of what comes. An ERROR frame is raised as the
    error it describes, the end of the socket as WorkerError.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        schema: pa.Schema,
        *,
        run: str = "run-1",
        attempt: int = 0,
        scored: pa.Schema | None = None,
        environment: Mapping[str, str] | None = None,
        limits: messages.Limits | None = None,
    ) -> None:
        """`scored`: schema of the scored rows, where the plan asks for them."""
        self._limits = limits or messages.Limits()
        self._plan = plan
        self._schema = schema
        self._run = run
        self._attempt = attempt
        self._scored_schema = scored
        self._environment = dict(environment or {})
        self._credits = 0
        self._room: dict[int, int] = {}
        self.scored: list[pa.RecordBatch] = []
        """Scored rows so far, in the order they came."""
        self.rejects: list[pa.RecordBatch] = []
        """Bad rows so far."""
        self.reports: list[Mapping[str, Any]] = []
        """METRICS so far."""
        self.beats: list[int] = []
        """Of its heart so far: ms that its learner had been in one step."""
        self.passed: list[int] = []
        """Watermarks that came back, ms."""

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="dlf-")
        place = Path(self._directory.name)
        path = str(place / "socket")
        self._log = place / "log"
        with socket.socket(socket.AF_UNIX) as listener, self._log.open("wb") as log:
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(_SECONDS)
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "dlonflink.worker", self._plan.name, path],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**inherited(), **self._environment},
            )
            self.connection, _ = listener.accept()
        self.connection.settimeout(_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        self._directory.cleanup()

    @property
    def log(self) -> str:
        """What the worker has printed."""
        return self._log.read_text()

    def send(self, message: messages.ToWorker | messages.Chunks) -> None:
        """One frame, whether it is its turn or not."""
        for piece in wire.encode(message):
            self.connection.sendall(piece)

    def send_hello(self, *, restore: bool = False, plans: Sequence[TrainingPlan] | None = None) -> None:
        self.send(
            messages.Hello(
                protocol=messages.PROTOCOL,
                job=self._plan.name,
                run=self._run,
                role="train",
                index=0,
                parallelism=1,
                attempt=self._attempt,
                schema=base64.b64encode(self._schema.serialize()).decode(),
                worker=[plan.model_dump(mode="json") for plan in plans or [self._plan]],
                restore=restore,
                limits=self._limits,
            )
        )

    def greet(self, snapshot: bytes | None = None) -> messages.Ready:
        """HELLO, RESTORE of `snapshot` where there is one, until READY."""
        self.send_hello(restore=snapshot is not None)
        if snapshot is not None:
            for start in range(0, len(snapshot), _CHUNK):
                self.send(messages.Restore(snapshot[start : start + _CHUNK]))
            self.send(messages.Restore(hashlib.sha256(snapshot).digest(), last=True))
        return self.expect(messages.Ready)

    def feed(self, batch: pa.RecordBatch) -> None:
        """One batch, when there is a credit for it."""
        while not self._credits:
            self._note(self.receive())
        self._credits -= 1
        self.send(messages.Batch(memoryview(batch.serialize())))

    def align(self, checkpoint: int, chunks: int = 16) -> None:
        """BARRIER, and room for so many chunks, until ALIGNED."""
        self.send(messages.Barrier(checkpoint))
        self.take_chunks(checkpoint, chunks)
        assert self.expect(messages.Aligned).checkpoint == checkpoint

    def take_chunks(self, checkpoint: int, chunks: int) -> None:
        """CHUNKS, if there are any."""
        if chunks:
            self._room[checkpoint] = self._room.get(checkpoint, 0) + chunks
            self.send(messages.Chunks(checkpoint, chunks))

    def snapshot(self, checkpoint: int) -> bytes:
        """The checkpoint's snapshot, after `align`, or after END (-1)."""
        data = bytearray()
        while True:
            message = self.receive()
            if isinstance(message, messages.Snapshot):
                if message.checkpoint == checkpoint:
                    data += message.data
                    if checkpoint != messages.FINAL:
                        self.take_chunks(checkpoint, 1)
            elif isinstance(message, messages.Durable):
                if message.checkpoint == checkpoint:
                    assert (len(data), hashlib.sha256(data).digest()) == (message.length, message.digest)
                    return bytes(data)
            else:
                self._note(message)

    def commit(self, checkpoint: int) -> messages.Version:
        """COMMIT, until VERSION."""
        self.send(messages.Commit(checkpoint))
        answer = self.expect(messages.Version)
        assert answer.checkpoint == checkpoint
        return answer

    def end(self) -> tuple[bytes, Mapping[str, Any]]:
        """END, until FINISHED: the final snapshot, and the last report."""
        self.send(messages.End())
        snapshot = self.snapshot(messages.FINAL)
        return snapshot, self.expect(messages.Finished).report

    def stop(self) -> int:
        """STOP; the exit code."""
        self.send(messages.Stop())
        return self.process.wait(_SECONDS)

    def expect(self, kind: type[_M]) -> _M:
        """The next message of `kind`; scored rows, credits, reports and watermarks before it are noted."""
        while True:
            message = self.receive()
            if isinstance(message, kind):
                return message
            self._note(message)

    def step(self) -> None:
        """Waits for one message and notes it."""
        self._note(self.receive())

    def receive(self) -> messages.ToFlink:
        """The next message, whatever it is."""
        header = wire.decode_header(self._read(wire.HEADER_BYTES), cap=messages.FRAME_BYTES)
        message = wire.decode(header, self._read(header.length))
        if isinstance(message, messages.Error):
            raise from_json(message.error)
        assert isinstance(message, messages.ToFlink), f"the worker sent {message}"
        if isinstance(message, messages.Snapshot) and message.checkpoint != messages.FINAL:
            self._room[message.checkpoint] -= 1
            assert self._room[message.checkpoint] >= 0, "more of a snapshot than there was room for"
        return message

    def _note(self, message: messages.ToFlink) -> None:
        match message:
            case messages.Credit(batches=batches):
                self._credits += batches
            case messages.Scored(data=data):
                assert self._scored_schema is not None, "scored rows that nobody asked for"
                batch = pa.ipc.read_record_batch(pa.ipc.read_message(pa.py_buffer(data)), self._scored_schema)
                batch.validate(full=True)
                self.scored.append(batch)
            case messages.Reject(data=data):
                batch = pa.ipc.read_record_batch(pa.ipc.read_message(pa.py_buffer(data)), REJECTS)
                batch.validate(full=True)
                self.rejects.append(batch)
            case messages.Metrics(report=report):
                self.reports.append(report)
            case messages.Heartbeat(busy_ms=ms):
                self.beats.append(ms)
            case messages.Passed(ms=ms):
                self.passed.append(ms)
            case messages.Snapshot() | messages.Durable():
                pass  # of a checkpoint that nobody waits for
            case _:
                raise AssertionError(f"the worker sent {type(message).__name__} out of turn")

    def _read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            part = self.connection.recv(length - len(data))
            if not part:
                error = WorkerError("the worker closed the socket", got=f"its log ends with:\n{self.log[-2000:]}")
                error.exit_code = self.process.wait(_SECONDS)
                raise error
            data += part
        return bytes(data)

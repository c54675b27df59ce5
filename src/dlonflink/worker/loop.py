"""Does what `protocol` decides: the learning thread, which owns the trainer."""

from __future__ import annotations

import hashlib
import logging
import os
import resource
import socket
import sys
import time
import traceback
from typing import Any, final

import pyarrow as pa
from pydantic import ValidationError

from dlonflink import failpoints
from dlonflink.errors import DLOnFlinkError, ProtocolError, WorkerError
from dlonflink.store.provenance import libraries
from dlonflink.training import snapshot
from dlonflink.training.export import Exporter
from dlonflink.training.files import place
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.state import Copy, Restored
from dlonflink.training.trainer import Trainer
from dlonflink.training.warm import warm
from dlonflink.worker import batches, messages, protocol
from dlonflink.worker.log import Lines
from dlonflink.worker.protocol import Event, Instruction, Learned, Protocol, Published, Uploaded
from dlonflink.worker.pulse import Pulse, beat
from dlonflink.worker.room import Room
from dlonflink.worker.threads import Background, Inbox, Writer, read_frames, start

_log = logging.getLogger(__name__)

_METRICS_SECONDS = 1.0
_TRACE_CHARACTERS = 60_000
_REJECTS = 512
"""Rows of a REJECT frame: each keeps at most 64 KiB, so that half of a frame's cap is enough."""


def serve(connection: socket.socket, lines: Lines, *, learners: int = 1) -> int:
    """One conversation, from HELLO to STOP. Gives the exit code: 0, or 1 after an ERROR frame. Tells `lines` of what it
    learns about the run. `learners`: see Protocol.

    Does not return when the connection ends before: the process ends at once.
    """
    writer = Writer(connection)
    try:
        _Loop(connection, writer, lines, Protocol(learners)).run()
        code = 0
    except BaseException as failure:  # noqa: BLE001 - whatever it is, sys.exit in somebody's code too: Flink must hear of it
        error = _described(failure)
        _log.error("%s", error, exc_info=failure)
        writer.send(messages.Error(error.to_json()))
        code = 1
    writer.flush()
    return code


@final
class _Loop:
    def __init__(self, connection: socket.socket, writer: Writer, lines: Lines, decides: Protocol) -> None:
        self._writer = writer
        self._lines = lines
        self._inbox = Inbox()
        self._uploads = Background("upload", self._inbox)
        self._publications = Background("publish", self._inbox)
        self._protocol = decides
        self._pulse = Pulse()
        self._chunks: list[messages.Bytes] = []
        self._copies: dict[int, Copy] = {}  # of checkpoints that are open
        self._copying = False  # the newest is not whole yet
        self._room = Room()
        self._restored: Restored | None = None
        self._received = 0
        self._begun = False  # a trainer is there
        self._over = False
        self._reported = -_METRICS_SECONDS  # the first batch is reported at once
        self._unreported = False
        self._batches: batches.Batches
        self._trainer: Trainer
        self._exporter: Exporter
        self._step_limit: float
        start("reader", lambda: read_frames(connection, self._inbox, self._room))

    def run(self) -> None:
        """Raises whatever ends the worker before its time."""
        while not self._over:
            event = self._inbox.take(self._due())
            self._pulse.begin()
            if event is None:
                self._sweep()
            else:
                self._handle(event)
            if self._begun and not self._over:
                self._keep_time()
            self._pulse.rest()

    def _sweep(self) -> None:
        """A piece of the copy after each batch, and as fast as it goes while there are none."""
        if self._copying:
            self._copying = self._trainer.sweep()

    def _due(self) -> float | None:
        if self._copying:
            return 0.0
        if not self._begun:
            return None
        reported = self._reported + _METRICS_SECONDS if self._unreported else None
        return min((due for due in (self._trainer.due(), reported) if due is not None), default=None)

    def _keep_time(self) -> None:
        now = time.monotonic()
        due = self._trainer.due()
        if due is not None and now >= due:
            self._out(self._trainer.tick(now))
        if self._unreported and now >= self._reported + _METRICS_SECONDS:
            self._reported, self._unreported = now, False
            self._writer.send(messages.Metrics(self._report()))

    def _report(self, *, last: bool = False) -> dict[str, Any]:
        """A report, what it cost, and when it was true (`at`, seconds of the epoch): rates are told from it, for Flink
        passes reports on late and unevenly. The last one takes a while to make, so the clock comes first. The memory is
        the process's at its peak: what is left to say of a worker that the kernel kills.
        """
        at = time.time()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        report = self._trainer.final_report() if last else self._trainer.report()
        return {"at": at, "memory_mib": memory, "effort": self._trainer.effort.report(), **report}

    def _handle(self, event: Event) -> None:
        for instruction in self._protocol.handle(event):
            self._do(instruction)
        if isinstance(event, Published):
            self._trainer.version = self._exporter.newest

    def _do(self, instruction: Instruction) -> None:
        match instruction:
            case protocol.Send(message=message):
                self._writer.send(message)
            case protocol.Copy(checkpoint=checkpoint):
                failpoints.reach("worker.copy")
                self._room.open(checkpoint)
                self._copies[checkpoint] = self._copy(checkpoint)
                if checkpoint != messages.FINAL:
                    self._lines.checkpoint = checkpoint
            case protocol.Upload(checkpoint=checkpoint):
                copy = self._copies[checkpoint]
                self._uploads.submit(lambda: self._upload(copy))
            case protocol.Drop(checkpoint=checkpoint):
                self._room.close(checkpoint)
                self._trainer.drop(self._copies.pop(checkpoint))
            case protocol.Publish(checkpoint=checkpoint, copy=copied):
                self._publish(checkpoint, copied)
            case _:
                self._step(instruction)

    def _step(self, instruction: protocol.Step) -> None:
        match instruction:
            case protocol.Open(hello=hello):
                self._open(hello)
            case protocol.Collect(chunk=chunk):
                self._chunks.append(chunk)
            case protocol.Resume(digest=digest):
                self._resume(digest)
            case protocol.MakeGood():
                self._make_good()
            case protocol.Announce():
                self._announce()
            case protocol.Learn(batch=batch):
                self._learn(batch)
            case protocol.Finish():
                self._out(self._trainer.finish())
            case protocol.Conclude():
                self._unreported = False  # the last report says it all
                self._pulse.rest()  # and reads all of the state once: how long that takes is no learner's fault
                self._writer.send(messages.Finished(self._report(last=True)))
            case protocol.Exit():
                self._over = True

    def _open(self, hello: messages.Hello) -> None:
        self._lines.run, self._lines.attempt = hello.run, hello.attempt
        self._step_limit = hello.limits.step_ms / 1000
        plan = _plan(hello)
        sys.path[:0] = [path for path in plan.path if path not in sys.path]
        place(plan.files, hello.files)
        self._batches = batches.of(plan.input, hello)
        warm(plan, self._batches.schema)
        self._trainer = Trainer(plan, self._batches.schema, run=hello.run, attempt=hello.attempt)
        self._trainer.expect_copies()
        self._exporter = Exporter(plan.export, run=hello.run, attempt=hello.attempt)

    def _announce(self) -> None:
        self._begun = True
        trainer = self._trainer
        _log.info("ready, %s rows learned before", f"{trainer.rows:,}")
        self._writer.send(
            messages.Ready(
                protocol=messages.PROTOCOL, pid=os.getpid(), libraries=libraries(), received=trainer.received
            )
        )
        self._pulse.effort = trainer.effort
        self._pulse.begin()  # what took long before READY is judged by Flink's side
        start("heart", lambda: beat(self._pulse, self._writer, self._step_limit))

    def _resume(self, digest: bytes) -> None:
        failpoints.reach("worker.restore")
        data = b"".join(self._chunks)
        self._chunks.clear()
        snapshot.verify(data, digest)
        self._restored = self._trainer.restore(data)
        self._lines.checkpoint = self._restored.checkpoint
        _log.info("restored checkpoint %s of run %s", self._restored.checkpoint, self._restored.run)
        # Rows that waited at the checkpoint came now, as far as this attempt's watermarks are concerned.
        self._received = self._trainer.held
        self._handle(Learned(self._received, 0))

    def _make_good(self) -> None:
        restored = self._restored
        assert restored is not None
        copy = self._copy(restored.checkpoint)

        def job() -> Published:
            self._exporter.make_good(copy, restored)
            return Published(None)

        self._publications.submit(job)

    def _copy(self, checkpoint: int) -> Copy:
        self._copying = True
        return self._trainer.copy(checkpoint)

    def _learn(self, data: messages.Bytes) -> None:
        self._unreported = True
        for received in self._batches.read(data):
            before = self._trainer.taken
            scored = self._trainer.feed(received.batch, time.monotonic(), received.unreadable)
            # Good rows alone: a watermark waits for those that wait, and rejected ones never do.
            self._received += self._trainer.taken - before
            self._reject()
            self._out(scored)
            self._sweep()

    def _reject(self) -> None:
        rejects = self._trainer.rejects()
        if rejects is not None:
            for begin in range(0, rejects.num_rows, _REJECTS):
                self._writer.send(messages.Reject(memoryview(rejects.slice(begin, _REJECTS).serialize())))

    def _out(self, scored: list[pa.RecordBatch]) -> None:
        for batch in scored:
            self._writer.send(messages.Scored(memoryview(batch.serialize())))
        self._handle(Learned(self._received, self._received - self._trainer.held))

    def _upload(self, copy: Copy) -> Uploaded | None:
        """In the uploading thread."""
        digest, length = hashlib.sha256(), 0
        if not copy.table.wait():
            return None
        for chunk in copy.chunks():
            if not self._room.take(copy.checkpoint):
                return None
            failpoints.reach("worker.snapshot")
            digest.update(chunk)
            length += len(chunk)
            self._writer.send(messages.Snapshot(copy.checkpoint, chunk))
        self._room.close(copy.checkpoint)
        if not self._exporter.publishes:
            copy.table.release()
        failpoints.reach("worker.durable")
        return Uploaded(copy.checkpoint, length, digest.digest())

    def _publish(self, checkpoint: int, copied: int) -> None:
        failpoints.reach("worker.commit")
        last = copied == messages.FINAL
        # The final state stays: Flink may complete more than one checkpoint after the end.
        copy = self._copies[copied] if last else self._copies.pop(copied)
        now = time.monotonic()

        def job() -> Published:
            outcome = self._exporter.commit(copy, checkpoint, last=last, now=now)
            return Published(
                messages.Version(
                    checkpoint=checkpoint, outcome=outcome.outcome, version=outcome.version, reason=outcome.reason
                )
            )

        def skip() -> Published:
            return Published(messages.Version(checkpoint=checkpoint, outcome="skipped", reason=protocol.REPLACED))

        # A store slower than the checkpoints publishes the newest there is, instead of ever more copies waiting for it.
        self._publications.submit(job, instead=None if last else skip)


def _plan(hello: messages.Hello) -> TrainingPlan:
    if len(hello.worker) != 1:
        raise ProtocolError("the plan has several learners", expected="1", got=str(len(hello.worker)))
    try:
        return TrainingPlan.model_validate(hello.worker[0])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ProtocolError(
            "the plan is not one that this release can read",
            where=".".join(str(part) for part in first["loc"]),
            got=first["msg"],
            fix="the client and the worker's interpreter must have one release of dlonflink",
        ) from error


def _described(failure: BaseException) -> DLOnFlinkError:
    """What the ERROR frame says. An error of ours speaks for itself; any other is a bug, or the machine's."""
    trace = "".join(traceback.format_exception(failure))[-_TRACE_CHARACTERS:]
    if isinstance(failure, DLOnFlinkError):
        failure.trace = (failure.trace or trace)[-_TRACE_CHARACTERS:]
        return failure
    if isinstance(failure, MemoryError):
        return WorkerError("the worker ran out of memory", fix="give the machine more, or the model less", trace=trace)
    last = traceback.extract_tb(failure.__traceback__)[-1:]
    where = f"{last[0].filename}:{last[0].lineno}" if last else None
    if isinstance(failure, KeyboardInterrupt):
        return WorkerError("the worker was interrupted (SIGINT)", fix="somebody sent it the signal", trace=trace)
    if isinstance(failure, SystemExit):
        return WorkerError(
            f"something in the worker called sys.exit({failure.code!r})",
            where=where,
            fix="raise an exception in its place",
            trace=trace,
        )
    return WorkerError(
        f"the worker raised {type(failure).__name__}: {failure}",
        where=where,
        fix="this is a bug of ours: please report it with the stack that --debug shows",
        trace=trace,
    )

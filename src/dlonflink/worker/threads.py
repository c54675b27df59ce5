"""The threads beside the learning one, and how they hand it their word.

                 ┌ reader ──frames──► Inbox ──► learning thread ──► Writer ──frames──► socket
    socket ──────┘                      ▲                             ▲ ▲
                                        └── events ── Background ─────┘ └ heart (`pulse`)

Each is a daemon: the process ends when the learning thread does, or at once when Flink's side is gone.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import pyarrow as pa

from dlonflink.errors import ProtocolError
from dlonflink.worker import messages, wire
from dlonflink.worker.protocol import Event
from dlonflink.worker.room import Room

_log = logging.getLogger(__name__)

_INBOX_FRAMES = 64
_OUTBOX_FRAMES = 16  # 16 MiB of snapshot chunks at most


class Inbox:
    """Events for the learning thread: word from its own threads first, then frames in the order they came."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frames: deque[Event] = deque()
        self._words: deque[Event] = deque()
        self._failure: BaseException | None = None

    def put_frame(self, event: Event) -> None:
        """Waits while the learning thread is far behind, so that a flood ends in back-pressure, not in memory."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._frames) < _INBOX_FRAMES)
            self._frames.append(event)
            self._changed.notify_all()

    def put_word(self, event: Event) -> None:
        """An event of an own thread. It may overtake frames: none of them waits for anything but such word."""
        with self._changed:
            self._words.append(event)
            self._changed.notify_all()

    def fail(self, failure: BaseException) -> None:
        """Makes `take` raise, before anything else that waits."""
        with self._changed:
            self._failure = self._failure or failure
            self._changed.notify_all()

    def take(self, until: float | None) -> Event | None:
        """The next event; None when `until` (of time.monotonic) passes first. Raises what a thread failed with."""
        timeout = None if until is None else max(until - time.monotonic(), 0)
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._words or self._frames, timeout)
            if self._failure:
                raise self._failure
            waiting = self._words or self._frames
            if not waiting:
                return None
            event = waiting.popleft()
            self._changed.notify_all()
            return event


class Writer:
    """Sends messages in the order they are given, from its own thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._queue: queue.Queue[messages.Message] = queue.Queue(_OUTBOX_FRAMES)
        start("writer", self._run)

    def send(self, message: messages.Message) -> None:
        """Waits while Flink does not read: that is the back-pressure."""
        self._queue.put(message)

    def offer(self, message: messages.Message) -> bool:
        """Sends it where there is room; else drops it and says so. Never waits."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            return False
        return True

    def flush(self) -> None:
        """Waits until everything given before is with the kernel."""
        self._queue.join()

    def _run(self) -> None:
        gone = False
        while True:
            message = self._queue.get()
            try:
                if not gone:
                    for piece in wire.encode(message):
                        self._connection.sendall(piece)
            except OSError:
                gone = True  # the reader sees the end of the socket too, and ends the process
            except Exception:  # noqa: BLE001 - a message that cannot be encoded: a bug
                # Without this thread nothing can be told any more, and the learning one would wait for ever. Flink sees
                # the exit, and shows what was printed last.
                _log.critical("a message cannot be sent", exc_info=True)
                os._exit(1)
            finally:
                self._queue.task_done()


Job = Callable[[], Event | None]


@dataclass
class _Waiting:
    job: Job
    instead: Job | None


class Background:
    """Runs jobs one after another in its own thread; what a job returns goes to the inbox, and so does its failure."""

    def __init__(self, name: str, inbox: Inbox) -> None:
        self._inbox = inbox
        self._changed = threading.Condition()
        self._jobs: deque[_Waiting] = deque()
        start(name, self._run)

    def submit(self, job: Job, *, instead: Job | None = None) -> None:
        """`instead` runs in the place of `job` if the next one is submitted before its turn has come: so jobs that hold
        much memory do not pile up behind a slow one.
        """
        with self._changed:
            for waiting in self._jobs:
                if waiting.instead is not None:
                    waiting.job, waiting.instead = waiting.instead, None
            self._jobs.append(_Waiting(job, instead))
            self._changed.notify()

    def _next(self) -> Job:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs)
            return self._jobs.popleft().job

    def _run(self) -> None:
        while True:
            job = self._next()
            try:
                event = job()
            except BaseException as failure:  # noqa: BLE001 - sys.exit too: the learning thread raises it
                self._inbox.fail(failure)
                return
            del job  # and the copy that it holds, for the time until the next one
            if event is not None:
                self._inbox.put_word(event)


def start(name: str, target: Callable[[], None]) -> None:
    """Starts a daemon thread."""
    threading.Thread(target=target, name=name, daemon=True).start()


def read_frames(connection: socket.socket, inbox: Inbox, room: Room) -> None:
    """Hands every frame to the inbox, until STOP; the reader's whole life. CHUNKS goes to `room`: an upload must not
    wait for the learner.

    The end of the socket ends the process: what it has learned since the last checkpoint is void, whatever it does.
    """
    cap = messages.FRAME_BYTES
    try:
        while True:
            head = wire.decode_header(_read(connection, wire.HEADER_BYTES), cap=cap)
            message = wire.decode(head, _read(connection, head.length))
            if isinstance(message, messages.Hello):
                cap = message.limits.frame_bytes
            if isinstance(message, messages.Chunks):
                room.grant(message.checkpoint, message.chunks)
                continue
            if not isinstance(message, messages.ToWorker):
                raise ProtocolError(f"Flink sent {head.kind.name}, which only a worker sends")
            inbox.put_frame(message)
            if isinstance(message, messages.Stop):
                return  # what is under way may take longer than the socket lives
    except (EOFError, OSError):
        end_now()
    except Exception as failure:  # noqa: BLE001 - no memory for a frame, for one: the learning thread would wait for ever
        inbox.fail(failure)


def hold_lifeline(descriptor: int) -> None:
    """Ends the process when the pipe on `descriptor` ends: Flink's process is gone, however it went."""
    try:
        while os.read(descriptor, 1 << 10):
            pass
    except OSError:
        pass
    end_now()


def end_now() -> NoReturn:
    """Ends the process though a learner may be in the middle of a step: nobody will ever read its result. What it has
    started ends with it: a child that was forked holds our socket, and would hold it for ever.
    """
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _read(connection: socket.socket, length: int) -> memoryview:
    # Arrow's pool does not clear its memory, and its buffers are aligned as record batches like them.
    view = memoryview(pa.allocate_buffer(length)).cast("B")
    filled = 0
    while filled < length:
        count = connection.recv_into(view[filled:])
        if count == 0:
            raise EOFError
        filled += count
    return view

"""The JVM as a child process: its events, its lifeline, its end."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

_TAIL = 16 << 10

Event = dict[str, Any]


class Jvm:
    """Runs our entry. Its stdin is a lifeline: when this process is gone, however it went, the JVM ends, and with it
    the worker. It has a session of its own, so that a terminal's Ctrl-C reaches this process alone, which ends it in
    order.
    """

    def __init__(self, command: Sequence[str], output: Path) -> None:
        """`output` takes what the JVM and the job's sinks print."""
        self._output = output
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        with output.open("wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
            )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), name="events", daemon=True)
        self._reader.start()

    def event(self, timeout: float) -> Event | None:
        """The next event, or None after `timeout` seconds, or at once where there will be none."""
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            return None
        if event is None:
            self._events.put(None)
        return event

    def exit_code(self) -> int | None:
        """None while it runs, or while events are left to take."""
        return None if self._reader.is_alive() or self._events.qsize() > 1 else self._process.poll()

    def printed(self) -> str:
        """The end of what it printed."""
        with self._output.open("rb") as file:
            file.seek(max(0, self._output.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")

    def terminate(self) -> None:
        """Asks it to cancel the job, end the worker and exit; returns at once."""
        if self._process.poll() is None:
            self._process.terminate()

    def end(self, grace: float) -> None:
        """Waits for its exit for `grace` seconds, then kills it."""
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            try:
                event: object = json.loads(line)
            except ValueError:
                continue  # a library that found the original stdout
            if isinstance(event, dict):
                self._events.put(cast("Event", event))
        self._events.put(None)

"""A job with a thread of its own: it leaves its news in a Watch, where its caller's thread picks them up."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import final

from dlonflink.errors import JobError
from dlonflink.runtime.base import Job, Pace, Progress, Summary
from dlonflink.runtime.directory import RunDirectory
from dlonflink.runtime.record import State
from dlonflink.settings import milliseconds


@final
class Watch:
    """The newest progress, then the end: a summary, an error, or neither where the job was stopped."""

    def __init__(self, phase: str) -> None:
        self._started = time.monotonic()
        self._news = threading.Condition()
        self._progress = Progress(phase, 0.0)
        self._summary: Summary | None = None
        self._error: BaseException | None = None
        self._ended = False

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    @property
    def progress(self) -> Progress:
        return self._progress

    @property
    def ended(self) -> bool:
        return self._ended

    def update(self, progress: Progress) -> None:
        with self._news:
            self._progress = progress
            self._news.notify_all()

    def end(self, summary: Summary | None, error: BaseException | None = None) -> None:
        """Both None: stopped before its end."""
        with self._news:
            self._summary, self._error, self._ended = summary, error, True
            self._news.notify_all()

    def wait(self) -> Summary:
        """Blocks until the end. Raises the job's error, or JobError where it was stopped."""
        with self._news:
            # A bounded wait, repeated: an unbounded one would not let Ctrl-C through on every platform.
            while not self._ended:
                self._news.wait(1.0)
        if self._error is not None:
            raise self._error
        if self._summary is None:
            raise JobError("the job was stopped before its end", fix="--resume goes on from its newest checkpoint")
        return self._summary

    def iterate(self, every: str) -> Iterator[Progress]:
        """See Job.progress."""
        interval = milliseconds(every) / 1000
        last: Progress | None = None
        due = 0.0
        while True:
            with self._news:
                while not self._ended and self.seconds < due and not (last and self._progress.phase != last.phase):
                    self._news.wait(min(1.0, max(0.0, due - self.seconds)))
                progress, ended = self._progress, self._ended
            if ended:
                break
            yield replace(progress, seconds=self.seconds)
            last, due = progress, self.seconds + interval
        if self._error is not None:
            raise self._error
        if self._summary is not None:
            yield progress


class WatchedJob(Job):
    """Owns the run's directory and the thread that follows the run, which ends both."""

    def __init__(self, phase: str, directory: RunDirectory) -> None:
        """A subclass calls `_begin` when it is whole."""
        self._watch = Watch(phase)
        self._pace = Pace()
        self._directory = directory
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job", daemon=True)

    @abstractmethod
    def _follow(self) -> Summary | None:
        """In the thread, until the end: the summary, or None where it was stopped. Raises what failed."""

    @abstractmethod
    def _end(self) -> None:
        """In the thread: ends what is left."""

    def progress(self, every: str = "1 s") -> Iterator[Progress]:
        return self._watch.iterate(every)

    def wait(self) -> Summary:
        return self._watch.wait()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _begin(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        state: State = "failed"
        result: Summary | None = None
        error: BaseException | None = None
        try:
            result = self._follow()
            state = "finished" if result is not None else "stopped"
        except BaseException as problem:  # noqa: BLE001 - handed to the thread that waits
            error = problem
        try:
            self._end()
            self._directory.close(state)
        except Exception as problem:  # noqa: BLE001 - a remote file system's client raises its own; who waits must know
            error = error or problem
        self._watch.end(result, error)

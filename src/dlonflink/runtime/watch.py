"""Where a job's own thread leaves its news, and its caller's thread picks them up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from dlonflink.errors import JobError
from dlonflink.runtime.base import Progress, Summary
from dlonflink.settings import milliseconds


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

"""Signs of life, once a second: that the worker runs, and for how long its learner has been in one step."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from typing import final

from dlonflink.errors import LearnerError
from dlonflink.training.effort import Effort
from dlonflink.worker import messages
from dlonflink.worker.stack import place
from dlonflink.worker.threads import Writer

_log = logging.getLogger(__name__)

_EVERY = 1.0


@final
class Pulse:
    """For how long the learning thread, which makes it, has been in its current step. It says when a step begins, and
    when it waits; each batch that is learned is a step of its own. Any thread may ask.
    """

    def __init__(self) -> None:
        self.effort: Effort | None = None
        """Where batches are counted, once there is a learner."""
        self._thread = threading.get_ident()
        self._since: float | None = None
        self._excused = 0.0

    def begin(self) -> None:
        self._since = time.monotonic()

    def rest(self) -> None:
        self._since = None

    def excuse(self) -> None:
        """What went by until now is not the learner's fault. For the thread that judges."""
        self._excused = time.monotonic()

    def busy(self) -> float:
        """Seconds; 0 while it waits."""
        since = self._since
        if since is None:
            return 0.0
        learned = self.effort.at if self.effort else 0.0
        return time.monotonic() - max(since, learned, self._excused)

    def hang(self, busy: float, limit: float) -> LearnerError:
        """What is said of a step that takes too long: where it is now."""
        frames = traceback.extract_stack(sys._current_frames()[self._thread])  # pyright: ignore[reportPrivateUsage]
        return LearnerError(
            f"the learner has been in one step for {busy:.0f} s",
            where=place((one.filename, one.lineno or 0, one.name) for one in reversed(frames)),
            expected=f"at most {limit:g} s (runtime.worker.step)",
            fix="look there for an endless loop, or a wait; raise runtime.worker.step where a step may take so long",
            trace="".join(traceback.format_list(frames)),
        )


def beat(pulse: Pulse, writer: Writer, limit: float) -> None:
    """The heart's whole life, from READY on. Ends a worker whose learner is in one step for more than `limit` seconds:
    the learning thread cannot.
    """
    while True:
        time.sleep(_EVERY)
        busy = pulse.busy()
        if not writer.offer(messages.Heartbeat(int(busy * 1000))):
            pulse.excuse()  # Flink does not read, so the learning thread may be waiting for it, too
        elif busy > limit:
            error = pulse.hang(busy, limit)
            _log.error("%s\n%s", error, error.trace)
            writer.send(messages.Error(error.to_json()))
            writer.flush()
            os._exit(1)

"""The lines of the worker's log: one format for ours, the learner's and the libraries', and it is Java's too.

    2026-11-24 12:00:01.234Z INFO  flights run=20261124-... attempt=0 checkpoint=12 dlonflink.worker.loop: restored ...

A line that begins with four spaces goes on with the one before it: a message of several lines, or a stack.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import final

UNKNOWN = "-"
_LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""Java's words for them."""
_QUIET = ("numba", "fsspec")
"""They tell of their own inside at INFO."""


@final
class Lines(logging.Formatter):
    """Formats records; what is known of the run is set by the learning thread and read by every one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.run: str = UNKNOWN
        self.attempt: int | str = UNKNOWN
        self.checkpoint: int | str = UNKNOWN
        """The newest that is aligned: every later line is about rows after it."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        level = _LEVELS.get(record.levelname, record.levelname)
        text = super().format(record).rstrip().replace("\n", "\n    ")
        return (
            f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}Z {level:5} {self._name} "
            f"run={self.run} attempt={self.attempt} checkpoint={self.checkpoint} {record.name}: {text}"
        )


def begin(name: str) -> Lines:
    """Everything that is logged goes to standard error from here on, from INFO upwards, and warnings with it."""
    lines = Lines(name)
    handler = logging.StreamHandler()
    handler.setFormatter(lines)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for library in _QUIET:
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return lines

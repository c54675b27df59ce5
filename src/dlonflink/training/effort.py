"""What learning costs, for whoever watches it."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Effort:
    """Totals of one attempt, by a stopwatch: no part of a snapshot, and nothing that is learned depends on them."""

    batches: int = 0
    """That the learner was given."""
    encode: float = 0.0
    """Seconds of making features and labels out of rows."""
    learn: float = 0.0
    """Seconds in the learner: scoring and learning."""
    at: float = 0.0
    """When the newest batch was learned, by time.monotonic()."""

    def add(self, *, encode: float, learn: float) -> None:
        """One batch."""
        self.batches += 1
        self.encode += encode
        self.learn += learn
        self.at = time.monotonic()

    def report(self) -> dict[str, int]:
        """JSON-able."""
        return {
            "learner_batches": self.batches,
            "encode_millis": int(self.encode * 1000),
            "learn_millis": int(self.learn * 1000),
        }

"""A run under faults, and what they did to it: to its rows, to what it learned, and for how long.

    faults = Faults(folder, "learner.learn=kill@20*3")
    summary = run(faults.arm(pipeline), on="flink")
    outcome = faults.outcome(summary, undisturbed)

Of a learner of your own, too: what it is held to is that it is bit-equal to an undisturbed run of the same rows. How
often each row was learned only those of `oracle` know.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import final

from dlonflink import failpoints
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.runtime.base import Summary
from dlonflink.testing.oracle import Verdict

_LEARNED = "learner.learned=note"
_NOTES = 1_000
"""Lives of workers that a run may have."""
_SLOWLY = "learner.learn=slow"
_OUTSIDE = "outside"


@dataclass(frozen=True)
class Outcome:
    """Of one run, or of one that was resumed."""

    faults: int
    """That happened."""
    lost: int
    twice: int
    """Rows; 0 where the learner is none of `oracle`."""
    bit_equal: bool
    """Rows, figures and the digest of the state are those of the undisturbed run."""
    restarts: int
    recovery: tuple[float, ...]
    """Seconds from a fault to the first batch learned after it, of every fault that another worker learned after."""


@final
class Faults:
    """Arms pipelines, and keeps what happened in `folder`, on this machine. What is armed learns slowly, a tenth of
    a second more for each batch: so it has its checkpoints, and is not done before its faults.
    """

    def __init__(self, folder: Path, points: str = "") -> None:
        """`points`: as failpoints.py reads them, each with its `*k`; "": faults come from outside alone."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.environment: Mapping[str, str] = {
            failpoints.VARIABLE: ",".join([_SLOWLY, f"{_LEARNED}@1*{_NOTES}", *([points] if points else [])]),
            failpoints.FOLDER: str(folder),
        }
        """For a process that reaches the points."""

    def arm(self, pipeline: Pipeline) -> Pipeline:
        """The same pipeline; its workers reach the points. Those named `flink.` are reached by Flink's processes, which
        need `environment`.
        """
        worker = pipeline.runtime.worker
        armed = worker.model_copy(update={"env": {**worker.env, **self.environment}})
        return pipeline.model_copy(update={"runtime": pipeline.runtime.model_copy(update={"worker": armed})})

    def happens(self) -> None:
        """A fault from outside, now: a signal."""
        (self._folder / f"{_OUTSIDE}-{sum(1 for _ in self._times(_OUTSIDE))}").write_text(str(time.time()))

    def learned(self) -> list[float]:
        """When each worker had learned its first batch, in seconds of the epoch, ascending."""
        return sorted(self._times(_LEARNED))

    def happened(self) -> list[float]:
        """When each fault happened, ascending."""
        points = {file.name.rpartition("-")[0] for file in self._folder.iterdir()}
        return sorted(at for point in points - {_LEARNED} for at in self._times(point))

    def recovery(self) -> tuple[float, ...]:
        """See Outcome. Of several faults without a learned batch between them, the last."""
        events = sorted([(at, False) for at in self.happened()] + [(at, True) for at in self.learned()])
        return tuple(after - at for (at, one), (after, other) in pairwise(events) if other and not one)

    def outcome(self, summary: Summary, undisturbed: Summary, judged: Verdict | None = None) -> Outcome:
        """`summary`: of the run, or of the one that went on from it."""
        return Outcome(
            faults=len(self.happened()),
            lost=judged.lost if judged else 0,
            twice=judged.twice if judged else 0,
            bit_equal=result(summary) == result(undisturbed),
            restarts=summary.restarts,
            recovery=self.recovery(),
        )

    def _times(self, point: str) -> Iterator[float]:
        for file in self._folder.glob(f"{point}-*"):
            # A worker that was killed while it wrote the file has left it empty.
            yield float(file.read_text() or file.stat().st_mtime)


def result(summary: Summary) -> tuple[object, ...]:
    """What faults must not change: rows learned and rejected, figures over all of them, digest of the state."""
    return summary.rows, summary.rejected, summary.state_digest, dict(summary.metrics)

"""One run of one fault: its own name, home, store and chance."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlonflink as dlf
from dlonflink.runtime.base import Job, Summary
from dlonflink.testing.cluster import StandaloneCluster
from dlonflink.testing.faults import Faults, Outcome, result
from dlonflink.testing.oracle import verdict
from witnessed import ROWS, check_versions, numbers, undisturbed, workers


@dataclass
class Clusters:
    """Started when the first fault needs them, for all that come after."""

    started: dict[bool, StandaloneCluster] = field(default_factory=dict)

    def of(self, *, high_availability: bool = False) -> StandaloneCluster:
        """With two TaskManagers, each with room for a job."""
        if high_availability not in self.started:
            cluster = StandaloneCluster(task_managers=2, high_availability=high_availability)
            self.started[high_availability] = cluster.__enter__()
        return self.started[high_availability]

    def close(self) -> None:
        for cluster in self.started.values():
            cluster.__exit__(None, None, None)


@dataclass
class Case:
    """Made for each run."""

    name: str
    """The pipeline's."""
    folder: Path
    chance: random.Random
    clusters: Clusters

    @property
    def store(self) -> Path:
        return self.folder / "versions"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def faults(self, points: str = "") -> Faults:
        return Faults(self.folder / "faults", points)

    def pipeline(self, cluster: StandaloneCluster | None = None, **changes: Any) -> dlf.Pipeline:
        flink = dlf.Flink(target="remote", address=cluster.address) if cluster else dlf.Flink()
        export = dlf.Export(to=str(self.store))
        sections = {"name": self.name, "export": export, "runtime": dlf.Runtime(flink=flink)}
        return numbers(**(sections | changes))

    def outcome(self, faults: Faults, summary: Summary, *, embedded: bool = True) -> Outcome:
        """AssertionError where more is wrong than an Outcome tells."""
        assert not workers(self.name), "a worker has outlived its run"
        expected = undisturbed()
        judged = verdict(str(self.store), range(1, ROWS + 1))
        if embedded:
            check_versions(self.home, self.name, self.store)
        outcome = faults.outcome(summary, expected, judged)
        assert outcome.faults, "the fault has never happened"
        if not outcome.bit_equal:
            print(f"{self.name}: {result(summary)}, undisturbed {result(expected)}")
        return outcome

    def moment(self, job: Job) -> None:
        """Some time after the first rows are learned and a checkpoint is there."""
        for progress in job.progress("200 ms"):
            if progress.rows and progress.checkpoints:
                break
        threading.Event().wait(self.chance.random())


Fault = Callable[[Case], Outcome]


@contextmanager
def surroundings(faults: Faults) -> Generator[None]:
    """Flink's own points are armed by the environment that its process starts from."""
    os.environ.update(faults.environment)
    try:
        yield
    finally:
        for name in faults.environment:
            del os.environ[name]

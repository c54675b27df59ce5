"""Faults of the worker, and of what passes between it and Flink, on an embedded Flink."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Mapping

import dlonflink as dlf
from dlonflink.store.store import Store
from dlonflink.testing.faults import Outcome
from faults.case import Case, Fault, surroundings
from witnessed import LONGER, workers

_FRAMES = ("BATCH", "BARRIER", "ALIGNED", "SNAPSHOT", "DURABLE", "CREDIT", "VERSION")
_PUBLISHING = ("store.write", "store.entry", "store.published")


def _points(points: Callable[[random.Random], str]) -> Fault:
    def run(case: Case) -> Outcome:
        faults = case.faults(points(case.chance))
        with surroundings(faults):
            summary = dlf.run(case.pipeline())
        return case.outcome(faults, summary)

    return run


def from_outside(case: Case) -> Outcome:
    """At any moment, by whoever finds it in the list of processes."""
    faults = case.faults()
    with dlf.start(faults.arm(case.pipeline(learner=LONGER))) as job:
        for kills in range(3):
            for _ in job.progress("100 ms"):
                if len(faults.learned()) > kills:
                    break
            case.moment(job)
            for worker in workers(case.name):
                os.kill(worker, signal.SIGKILL)
                faults.happens()
        return case.outcome(faults, job.wait())


def older_savepoint(case: Case) -> Outcome:
    """Newer versions were published since: they stay, and what follows the savepoint comes after them."""
    faults = case.faults("learner.learn=kill@6*1")
    one = faults.arm(case.pipeline(learner=LONGER))
    with dlf.start(one) as job:
        case.moment(job)
        place = dlf.Submitted.of(case.name).savepoint()
        made = job.progress("100 ms")
        before = next(made).checkpoints
        for progress in made:
            if progress.checkpoints >= before + 2:
                break
    between = len(Store(str(case.store)).versions())
    summary = dlf.run(one, resume=place)
    outcome = case.outcome(faults, summary)
    versions = Store(str(case.store)).versions()
    runs = [version.origin.run for version in reversed(versions)]
    assert len(set(runs[:between])) == len(set(runs[between:])) == 1, runs
    return outcome


def endless_loop(case: Case) -> Outcome:
    """Its heart beats on: it is the step that takes too long."""
    faults = case.faults(f"learner.learn=loop@{case.chance.randint(2, 25)}*1")
    runtime = dlf.Runtime(worker=dlf.Worker(step="20 s"))
    return case.outcome(faults, dlf.run(faults.arm(case.pipeline(runtime=runtime))))


FAULTS: Mapping[str, Fault] = {
    "worker": _points(lambda chance: f"learner.learn=kill@{chance.randint(2, 12)}*3"),
    "worker-outside": from_outside,
    "worker-snapshot": _points(lambda chance: f"worker.snapshot=kill@{chance.randint(1, 4)}*2"),
    "worker-aligned-durable": _points(lambda chance: f"worker.durable=kill@{chance.randint(1, 4)}*2"),
    "worker-restore": _points(
        lambda chance: f"learner.learn=kill@{chance.randint(2, 25)}*1, worker.restore=kill@1*{chance.randint(1, 2)}"
    ),
    "worker-before-commit": _points(lambda chance: f"worker.commit=kill@{chance.randint(1, 4)}*2"),
    "worker-publishing": _points(lambda chance: f"{chance.choice(_PUBLISHING)}=kill@{chance.randint(1, 4)}*2"),
    "commit-lost": _points(lambda chance: f"flink.COMMIT=throw@{chance.randint(1, 8)}*1"),
    "frame-lost": _points(lambda chance: f"flink.{chance.choice(_FRAMES)}=throw@{chance.randint(1, 8)}*1"),
    "restore-lost": _points(lambda chance: f"learner.learn=kill@{chance.randint(9, 25)}*1, flink.RESTORE=throw@1*1"),
    "older-savepoint": older_savepoint,
    "raise": _points(lambda chance: f"learner.learn=raise@{chance.randint(1, 25)}*1"),
    "exit": _points(lambda chance: f"learner.learn=exit@{chance.randint(1, 25)}*1"),
    "loop": endless_loop,
    "stop": _points(lambda chance: f"learner.learn=stop@{chance.randint(1, 25)}*1"),
    "print": _points(lambda chance: f"learner.learn=print@{chance.randint(1, 25)}*1"),
    "fork": _points(
        lambda chance: f"learner.learn=fork@{chance.randint(1, 12)}*1, worker.commit=kill@{chance.randint(1, 4)}*1"
    ),
    "disk-full": _points(lambda chance: f"store.write=ENOSPC@{chance.randint(1, 8)}*1"),
}

"""Two learners of one stream, each with a state and rows of its own, which only the oracle can be: versions would fence
each other off, so the scored rows are the judges.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import dlonflink as dlf
from dlonflink.pipeline import plan as plans
from dlonflink.runtime.explain import explain, explain_exit
from dlonflink.runtime.flink import command, logging_file
from dlonflink.runtime.java import find_java
from dlonflink.runtime.jvm import Jvm
from dlonflink.testing.faults import Faults, Outcome
from faults.case import Case, Fault
from witnessed import COLUMNS, ROWS, file, numbers, workers

_ORACLE = dlf.Custom(type="dlonflink.testing.oracle:Oracle", ids=ROWS + 1)
_TWINS = 2


def _points(points: Callable[[random.Random], str]) -> Fault:
    def run(case: Case) -> Outcome:
        faults = case.faults(points(case.chance))
        two = dlf.Runtime(flink=dlf.Flink(parallelism=_TWINS))
        sink = dlf.FileSink(path=str(case.folder / "scored"))
        features = dlf.Features(dense=("id",))
        halves = (str(file(1, ROWS // 2)), str(file(ROWS // 2 + 1, ROWS)))
        source = dlf.FileSource(paths=halves, format="csv", columns=COLUMNS, key=("id",))
        one = numbers(name=case.name, source=source, learner=_ORACLE, features=features, sink=sink, runtime=two)
        _run(faults.arm(one), case.folder)
        assert not workers(case.name), "a worker has outlived its run"
        return _judged(faults, case.folder)

    return run


def _run(pipeline: dlf.Pipeline, folder: Path) -> None:
    """To its end, without all that a run's directory is for. Raises what it failed with."""
    placed = plans.absolute(pipeline)
    launch = plans.Launch(
        run="twins",
        directory=folder,
        checkpoints=(folder / "checkpoints").as_uri(),
        log=folder / "worker.log",
        scratch=folder,
        command=[sys.executable, "-P", "-m", "dlonflink.testing.twins", pipeline.name],
        environment={},
        resume=None,
    )
    plan = plans.make(placed, plans.training_plan(placed, description=""), None, launch)
    plan = plan.model_copy(update={"job": plan.job.model_copy(update={"learners": _TWINS})})
    file, log = folder / "plan.json", folder / "flink.log"
    file.write_text(plan.model_dump_json())
    logging = logging_file(folder, log, name=pipeline.name, run="twins")
    jvm = Jvm(command(find_java(), (), scratch=folder, logging=logging, plan=file), folder / "out.log")
    try:
        while True:
            event = jvm.event(1.0) or {}
            if event.get("event") == "failed":
                raise explain(event, log)
            if event.get("event") == "finished":
                return
            if not event and (code := jvm.exit_code()) is not None:
                raise explain_exit(code, jvm.printed(), log)
    finally:
        jvm.terminate()
        jvm.end(10)


def _judged(faults: Faults, folder: Path) -> Outcome:
    scored = Counter[int]()
    again = 0
    for part in (folder / "scored").glob("part-*"):
        for line in part.read_text().splitlines():
            row = json.loads(line)
            scored[row["id"]] += 1
            again += row["score"] != 0
    lost = ROWS - len(scored)
    twice = sum(scored.values()) - len(scored)
    attempts = (folder / "worker.log").read_text().count("ready, ")
    assert attempts >= _TWINS * 2, "nothing was started again"
    return Outcome(
        faults=len(faults.happened()),
        lost=lost,
        twice=max(twice, again),
        bit_equal=lost == twice == again == 0,
        restarts=attempts // _TWINS - 1,
        recovery=faults.recovery(),
    )


FAULTS: Mapping[str, Fault] = {
    "two-worker": _points(lambda chance: f"learner.learn=kill@{chance.randint(2, 6)}*2"),
    "two-snapshot": _points(lambda chance: f"worker.snapshot=kill@{chance.randint(1, 4)}*2"),
    "two-before-commit": _points(lambda chance: f"worker.commit=kill@{chance.randint(1, 4)}*2"),
}

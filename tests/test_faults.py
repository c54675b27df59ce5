"""Kill anything, lose nothing, learn nothing twice: the faults that every run of the tests meets (a TaskManager's is in
test_cluster.py). Others, and many more of each: scripts/test --faults.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import dlonflink as dlf
from dlonflink import failpoints
from dlonflink.errors import WorkerError
from dlonflink.testing.faults import Faults, result
from dlonflink.testing.oracle import verdict
from witnessed import FM, ROWS, check_versions, numbers, undisturbed, workers

pytestmark = pytest.mark.timeout(400)

SCRIPT = str(Path(sys.executable).parent / "dlonflink")
SOON = {"restart-strategy.exponential-delay.initial-backoff": "100 ms"}


def test_three_faults_are_got_over_the_fourth_ends_the_run_and_resume_goes_on(home: Path, tmp_path: Path) -> None:
    """Killed at random, with a snapshot half sent, and between the completion of a checkpoint and its version."""
    store = tmp_path / "versions"
    faults = Faults(tmp_path / "faults", "worker.snapshot=kill@2*1, worker.commit=kill@2*1, learner.learn=kill@9*2")
    one = faults.arm(numbers(export=dlf.Export(to=str(store)), runtime=dlf.Runtime(flink=dlf.Flink(options=SOON))))
    with pytest.raises(WorkerError, match="137"):
        dlf.run(one)
    assert len(faults.happened()) == 4
    resumed = dlf.run(one, resume=True)
    outcome = faults.outcome(resumed, undisturbed(), verdict(str(store), range(1, ROWS + 1)))
    assert (outcome.lost, outcome.twice, outcome.bit_equal) == (0, 0, True), (result(resumed), result(undisturbed()))
    assert outcome.recovery
    check_versions(home, "numbers", store)


def test_a_worker_is_killed_from_outside_three_times(home: Path, tmp_path: Path) -> None:
    """And found by its command line, which is all that one from outside knows of it."""
    chance = random.Random(5)
    faults = Faults(tmp_path / "faults")
    (tmp_path / "kills.yaml").write_text(numbers(name="kills", learner=FM).to_yaml())
    with subprocess.Popen(
        [SCRIPT, "run", "kills.yaml", "--on", "flink", "--summary", "summary.json"],
        cwd=tmp_path,
        env={**os.environ, **faults.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for kills in range(3):
                await_(lambda kills=kills: len(faults.learned()) > kills, process)
                threading.Event().wait(chance.random() / 2)
                (worker,) = workers("kills")
                os.kill(worker, signal.SIGKILL)
                faults.happens()
            printed, _ = process.communicate(timeout=200)
        finally:
            process.kill()
    assert process.returncode == 0, printed
    summary = dlf.Summary(**json.loads((tmp_path / "summary.json").read_text()))
    assert result(summary) == result(undisturbed(FM))
    assert summary.restarts == 3
    assert len(faults.recovery()) == 3


def await_(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Looks again and again: nobody tells one from outside."""
    pause = threading.Event()
    while not condition():
        assert process.poll() is None, process.communicate()
        pause.wait(0.05)


def test_a_point_fires_when_and_as_often_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "_times", Counter[str]())
    monkeypatch.setenv(failpoints.VARIABLE, "a=EIO@2, b=ENOSPC*1, c=note*3, c=slow@1*1")
    monkeypatch.setenv(failpoints.FOLDER, str(tmp_path))
    failpoints.reach("a")
    with failpoints.rehearsing():
        failpoints.reach("a")
    with pytest.raises(OSError, match="Input/output error") as caught:
        failpoints.reach("a")
    assert caught.value.errno == errno.EIO
    with pytest.raises(OSError, match="No space left"):
        failpoints.reach("b")
    for point in ("a", "b", "c", "c", "d"):
        failpoints.reach(point)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["b=ENOSPC-0", "c=note-0", "c=note-1", "c=slow-0"]
    assert Faults(tmp_path).happened() == sorted(float(file.read_text()) for file in tmp_path.iterdir())


def test_recovery_is_told_from_the_last_fault_to_the_first_batch(tmp_path: Path) -> None:
    for name, at in [("a-0", 1.0), ("b-0", 2.0), ("b-1", 9.0)]:
        (tmp_path / name).write_text(str(at))
    for number, at in enumerate([0.5, 4.5, 7.0]):
        (tmp_path / f"learner.learned=note-{number}").write_text(str(at))
    assert Faults(tmp_path).recovery() == (2.5,)

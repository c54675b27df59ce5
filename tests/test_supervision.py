"""A worker that is stopped, hangs or exits on a real Flink: it is found out, replaced, and not a row is lost; and when
it does so again and again, the job ends with the cause on the screen.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import dlonflink as dlf
from dlonflink.errors import LearnerError
from dlonflink.failpoints import FOLDER, VARIABLE

ROWS = 20_000
COLUMNS = {"id": "BIGINT", "a": "BIGINT", "b": "BIGINT", "click": "INT"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.csv"
    rows = [f"{id_},{id_ % 7},{id_ % 11},{int(id_ % 3 == 0)}\n" for id_ in range(1, ROWS + 1)]
    path.write_text("".join([",".join(COLUMNS) + "\n", *rows]))
    return path


def numbers(file: Path, learner: Path, faults: dict[str, str], **worker: Any) -> dlf.Pipeline:
    """The numbers from 1, in small batches, so that much is learned, and a worker with `faults`."""
    soon = {"restart-strategy.exponential-delay.initial-backoff": "10 ms"}
    return dlf.Pipeline(
        name="numbers",
        source=dlf.FileSource(paths=(str(file),), format="csv", columns=COLUMNS, key=("id",)),
        features=dlf.Features(hashed=("a", "b"), crossed=(("a", "b"),)),
        label="click",
        learner=dlf.Custom(type=f"{learner}:Perceptron", batch=8),
        checkpoint=dlf.Checkpoint(every="100 ms"),
        runtime=dlf.Runtime(deterministic=True, flink=dlf.Flink(options=soon), worker=dlf.Worker(env=faults, **worker)),
    )


@pytest.fixture
def fired(tmp_path: Path) -> Path:
    """Where faults leave their marks."""
    folder = tmp_path / "fired"
    folder.mkdir()
    return folder


def log(home: Path, kind: str) -> str:
    (file,) = (home / "numbers" / "logs").glob(f"*-{kind}.log")
    return file.read_text()


@pytest.mark.timeout(400)
def test_one_that_is_stopped_hangs_or_exits_is_replaced(
    home: Path, file: Path, learner_file: Path, fired: Path
) -> None:
    """Each happens once, whatever comes first; a copy is taken at the end, too."""
    points = {"worker.copy": "loop@1", "worker.snapshot": "exit@1", "learner.learn": "stop@1000"}
    faults = {VARIABLE: ", ".join(f"{point}={action}*1" for point, action in points.items()), FOLDER: str(fired)}
    summary = dlf.run(numbers(file, learner_file, faults, silence="3 s", step="2 s"), on="flink")
    assert len(list(fired.iterdir())) == len(points)
    assert summary.restarts == 3
    assert (summary.rows, summary.received, summary.in_flight) == (ROWS, ROWS, 0)
    whole = dlf.run(numbers(file, learner_file, {}), on="local")
    assert (summary.state_digest, summary.metrics) == (whole.state_digest, whole.metrics)
    flink = log(home, "flink")
    assert "the worker has said nothing for 3 s: stopped, swapping, or in a call that holds Python's lock" in flink
    assert re.search(r"the learner has been in one step for \d+ s", flink)
    assert "failpoints.py:" in flink
    assert "sys.exit(0)" in flink


@pytest.mark.timeout(400)
def test_one_that_fails_again_and_again_ends_the_job_with_its_cause(home: Path, file: Path, learner_file: Path) -> None:
    faults = {VARIABLE: "learner.learn=exit@2"}
    with pytest.raises(LearnerError, match=r"the learner called sys\.exit\(0\)") as caught:
        dlf.run(numbers(file, learner_file, faults), on="flink")
    said = str(caught.value)
    assert len(said.splitlines()) <= 10
    assert re.search(r"Perceptron, rows [\d,]+ to [\d,]+ \(the first: id=\d+\)", said)
    assert log(home, "worker").count(": the worker starts\n") == 4  # and three restarts

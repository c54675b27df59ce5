"""Every row that comes is learned, rejected or in flight: on both runtimes, under way, and through faults."""

from __future__ import annotations

from pathlib import Path

import pytest

import dlonflink as dlf
from dlonflink.failpoints import FOLDER, VARIABLE

COLUMNS = {"id": "BIGINT", "name": "STRING", "click": "INT"}
ROWS = 60_000
EVERY = 50
"""Of so many rows, one is text without a number, and one has no label."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    bad = {0: "x{},a,1\n", 1: "{},a,9\n"}
    path = tmp_path / "rows.csv"
    path.write_text("id,name,click\n" + "".join(bad.get(i % EVERY, "{},b,0\n").format(i) for i in range(ROWS)))
    return path


def pipeline(file: Path, learner: Path, on: str, faults: dict[str, str]) -> dlf.Pipeline:
    """Batches of 8 rows, which a worker with `faults` takes its time for: rows wait everywhere."""
    folder = file.parent
    return dlf.Pipeline(
        name="counted",
        source=dlf.FileSource(
            paths=(str(file),),
            format="csv",
            columns=COLUMNS,
            key=("id",),
            rejects=dlf.Rejects(to=str(folder / on), max_share=0.05),
        ),
        features=dlf.Features(hashed=("name",)),
        label="click",
        learner=dlf.Custom(type=f"{learner}:Perceptron", batch=8),
        checkpoint=dlf.Checkpoint(every="100 ms"),
        runtime=dlf.Runtime(
            deterministic=True,
            flink=dlf.Flink(options={"restart-strategy.exponential-delay.initial-backoff": "10 ms"}),
            worker=dlf.Worker(env=faults),
        ),
    )


@pytest.mark.timeout(400)
def test_every_row_is_accounted_for(file: Path, learner_file: Path, tmp_path: Path) -> None:
    """The file is read to its end long before it is learned: a restart must not forget what its reader has counted."""
    (tmp_path / "faults").mkdir()
    faults = {VARIABLE: "learner.learn=kill@1900*3", FOLDER: str(tmp_path / "faults")}
    seen: list[dlf.Progress] = []
    with dlf.start(pipeline(file, learner_file, "flink", faults), on="flink") as job:
        for progress in job.progress("50 ms"):
            assert progress.in_flight == progress.received - progress.rows - progress.rejected >= 0
            seen.append(progress)
        flink = job.wait()
    local = dlf.run(pipeline(file, learner_file, "local", {}), on="local")
    bad = 2 * ROWS // EVERY
    for summary in (flink, local):
        assert (summary.rows, summary.rejected, summary.received, summary.in_flight) == (ROWS - bad, bad, ROWS, 0)
    assert any(progress.in_flight > 0 for progress in seen)
    assert flink.restarts == 3
    assert max(progress.restarts for progress in seen) <= 3
    assert flink.state_digest == local.state_digest


@pytest.mark.timeout(400)
def test_lines_are_read_once_after_every_restart(learner_file: Path, tmp_path: Path) -> None:
    """Not only after the first, which begins at a record that the file's beginning still counts to."""
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f'{{"id": {i}, "name": "a{i % 7}", "click": {i % 2}}}\n' for i in range(ROWS)))
    (tmp_path / "faults").mkdir()
    faults = {VARIABLE: "learner.learn=kill@1900*3", FOLDER: str(tmp_path / "faults")}
    source = dlf.FileSource(paths=(str(file),), format="jsonl", columns=COLUMNS, key=("id",))
    flink, local = (
        dlf.run(pipeline(file, learner_file, on, env).model_copy(update={"source": source}), on=on)
        for on, env in (("flink", faults), ("local", {}))
    )
    assert (flink.rows, flink.restarts) == (ROWS, 3)
    assert flink.state_digest == local.state_digest


def test_a_run_that_keeps_no_rejects_has_none(file: Path, tmp_path: Path) -> None:
    rows = tuple({"id": i, "name": "a", "click": i % 2} for i in range(30))
    one = dlf.Pipeline(
        name="all",
        source=dlf.MemorySource(columns=COLUMNS, rows=rows),
        features=dlf.Features(hashed=("name",)),
        label="click",
        learner=dlf.Logistic(),
    )
    with dlf.start(one, on="local") as job:
        last = list(job.progress())[-1]
        summary = job.wait()
    assert (summary.received, summary.rows, summary.rejected, summary.in_flight) == (30, 30, 0, 0)
    assert (last.received, last.in_flight) == (30, 0)

"""How a run on Flink ends before its end: stopped and resumed to the bit, interrupted, killed; nothing stays behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dlonflink as dlf
import torch_modules
from dlonflink.errors import JobError, PipelineError, SetupError
from dlonflink.runtime.record import Record

SCRIPT = str(Path(sys.executable).parent / "dlonflink")
ROWS = 40_000
QUERY = "SELECT id, MOD(id, 7) AS a, MOD(id, 11) AS b, CASE WHEN MOD(id, 3) = 0 THEN 1 ELSE 0 END AS click FROM source"


def as_they_come(rate: int, *, end: int | None = ROWS, **changes: Any) -> dlf.Pipeline:
    """The numbers from 1, `rate` a second; None: without end."""
    kind = f"'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '{end}'," if end else ""
    ddl = f"CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', {kind} 'rows-per-second' = '{rate}')"
    sections: dict[str, Any] = {
        "name": "numbers",
        "source": dlf.SqlSource(ddl=ddl, table="numbers", query=QUERY, key=("id",)),
        "features": dlf.Features(hashed=("a", "b"), crossed=(("a", "b"),)),
        "label": "click",
        "learner": dlf.FM(dim=4),
        "checkpoint": dlf.Checkpoint(every="500 ms"),
    }
    return dlf.Pipeline(**(sections | changes))


LEARNERS: dict[str, dlf.FM | dlf.DeepFM | dlf.Torch] = {
    "fm": dlf.FM(dim=4),
    "deepfm": dlf.DeepFM(dim=4, hidden=(8,)),
    "torch": dlf.Torch(module=f"{torch_modules.__file__}:Wide", args={"dropout": 0.2}),
}


@pytest.mark.timeout(400)  # three starts, two of them of a JVM and a framework
@pytest.mark.parametrize("kind", LEARNERS)
def test_stopped_and_resumed_equals_never_stopped(kind: str, home: Path) -> None:
    """Those in batches need an order, and rows that wait for their batch when the checkpoint comes go with it."""
    learner = LEARNERS[kind]
    ddl = """
        CREATE TABLE numbers (id BIGINT, ts AS TO_TIMESTAMP_LTZ(id * 1000, 3), WATERMARK FOR ts AS ts)
        WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1',
              'fields.id.end' = '{}', 'rows-per-second' = '{}')
    """

    def numbers(rate: int, **changes: Any) -> dlf.Pipeline:
        source = dlf.SqlSource(ddl=ddl.format(ROWS, rate), table="numbers", query=f"{QUERY} ORDER BY ts", key=("id",))
        sections: dict[str, Any] = {"source": source, "runtime": dlf.Runtime(deterministic=True)}
        return as_they_come(rate, learner=learner, **(sections | changes))

    # Slowly: what sorts does not wait for a worker that takes long to start.
    job = dlf.start(numbers(200), on="flink")
    for progress in job.progress("200 ms"):
        if progress.checkpoints >= 2 and progress.rows > 0:
            job.stop()
    assert progress.rows < ROWS
    with pytest.raises(PipelineError, match="did not finish"):
        dlf.start(numbers(200), on="flink")
    resumed = dlf.run(numbers(50_000), on="flink", resume=True)
    assert resumed.rows == ROWS
    rows = tuple({"id": id_, "a": id_ % 7, "b": id_ % 11, "click": int(id_ % 3 == 0)} for id_ in range(1, ROWS + 1))
    columns = {"id": "BIGINT", "a": "BIGINT", "b": "BIGINT", "click": "INT"}
    whole = dlf.run(numbers(1, source=dlf.MemorySource(columns=columns, rows=rows, key=("id",))), on="local")
    assert resumed.state_digest == whole.state_digest
    assert resumed.metrics == whole.metrics
    assert not list((home / "numbers" / "checkpoints").iterdir())


@pytest.fixture
def short() -> Iterator[str]:
    """A temporary folder whose path leaves room for a socket's name, and which no other process speaks of."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as path:
        yield path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_nothing_outlives_the_client(number: signal.Signals, code: int, short: str, tmp_path: Path) -> None:
    (tmp_path / "numbers.yaml").write_text(as_they_come(1_000, end=None).to_yaml())
    process = subprocess.Popen(
        [SCRIPT, "run", "numbers.yaml", "--on", "flink"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": short},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "log loss" in line:
            break
    children = _children(short)
    assert len(children) >= 2, children  # the JVM and the worker
    ends = [os.pidfd_open(pid) for pid in children]
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert not errors
    for end in ends:
        readable, _, _ = select.select([end], [], [], 20)
        assert readable, children
        os.close(end)
    assert not _children(short)
    if number != signal.SIGKILL:
        assert not list(Path(short).iterdir())


def _children(folder: str) -> dict[int, str]:
    """Processes that speak of `folder`, by number: the JVM of its temporary files, the worker of its socket."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in line:
            found[int(entry.name)] = line
    return found


@pytest.mark.timeout(400)  # two runs, and every command line starts a Python
def test_stopped_from_another_terminal(home: Path) -> None:
    """Which sees how it goes, makes a savepoint, and stops it with another, from which it is resumed."""
    job = dlf.start(as_they_come(200), on="flink")
    for progress in job.progress("200 ms"):
        if progress.checkpoints >= 1 and progress.rows > 0:
            break
    told = json.loads(_cli("status", "numbers", "--json"))
    assert told["state"] == "running"
    assert 0 < told["rows"] < ROWS
    assert told["web"] == progress.web
    assert "log loss" in _cli("status", "numbers")
    assert Path(_cli("savepoint", "numbers").strip().removeprefix("file:"), "_metadata").is_file()
    place = _cli("stop", "numbers").split()[-1]
    with pytest.raises(JobError, match="stopped before its end"):
        job.wait()
    told = _cli("status", "numbers")
    assert place.rpartition("/")[2] in told
    assert "--from file:" in told  # the savepoint, and the checkpoints
    resumed = dlf.run(as_they_come(50_000), on="flink", resume=True)
    assert resumed.rows == ROWS
    assert place.rpartition("/")[2] in max((home / "numbers" / "runs").glob("*/plan.json")).read_text()
    assert f"rows {ROWS:,}" in _cli("status", "numbers")


def _cli(*words: str) -> str:
    return subprocess.run([SCRIPT, *words], check=True, capture_output=True, text=True, timeout=60).stdout


def test_status_of_what_never_ran_and_of_what_is_lost(home: Path) -> None:
    with pytest.raises(PipelineError, match="has never run from here"):
        dlf.Submitted.of("numbers")
    record = Record(
        "20260101-000000-000000", "running", None, "/tmp/dlf-none", web="http://localhost:9", job_id="0" * 32
    )
    (home / "numbers" / "runs" / record.run).mkdir(parents=True)
    record.write(home / "numbers")
    job = dlf.Submitted.of("numbers")
    assert job.status().state == "lost"
    with pytest.raises(SetupError, match="does not answer"):
        job.savepoint()

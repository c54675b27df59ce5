"""Pipelines through a real embedded Flink, equal to the local runtime to the bit."""

from __future__ import annotations

import csv
import math
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

import dlonflink as dlf
import torch_modules
from dlonflink.evaluation.metrics import CLIP
from dlonflink.learners.settings import LearnerSettings


def pipeline(stream: Any, learner: LearnerSettings, **changes: Any) -> dlf.Pipeline:
    sections: dict[str, Any] = {
        "name": "clicks",
        "source": dlf.FileSource(
            paths=(str(stream.path),), format="csv", columns=stream.columns, event_time="ts", key=("id",)
        ),
        "features": dlf.Features(hashed=("user", "ad"), crossed=(("user", "ad"),), dense=("price",)),
        "label": "click",
        "learner": learner,
        "evaluation": dlf.Evaluation(windows=(1_000, "1 h")),
        "checkpoint": dlf.Checkpoint(every="500 ms"),
        "runtime": dlf.Runtime(deterministic=True),
    }
    return dlf.Pipeline(**(sections | changes))


@pytest.mark.timeout(400)  # a JVM, and a framework
@pytest.mark.parametrize("kind", ["logistic", "fm", "custom", "deepfm", "torch"])
def test_flink_equals_local_to_the_bit(kind: str, stream: Any, learner_file: Path, tmp_path: Path) -> None:
    learners = {
        "logistic": dlf.Logistic(),
        "fm": dlf.FM(dim=8),
        "custom": dlf.Custom(type=f"{learner_file}:Perceptron", rate=0.05),
        "deepfm": dlf.DeepFM(dim=4, hidden=(8, 4)),
        "torch": dlf.Torch(module=f"{torch_modules.__file__}:Wide", args={"dropout": 0.2, "normed": True}),
    }
    export = dlf.Export(to=str(tmp_path / "versions"))
    one = pipeline(stream, learners[kind], export=export)
    with dlf.start(one, on="flink") as job:
        phases = [progress.phase for progress in job.progress("500 ms")]
        flink = job.wait()
    local = dlf.run(one, on="local")
    assert flink.rows == local.rows == stream.rows
    assert flink.state_digest
    assert flink.state_digest == local.state_digest
    assert flink.metrics == local.metrics
    assert flink.windows == local.windows
    assert flink.checkpoints > 0
    assert flink.restarts == 0
    assert flink.version is not None
    assert local.version == flink.version + 1
    assert phases[0] == "starting the JVM"
    assert phases[-1] == "finished"


def test_scored_rows_come_back_as_a_table(stream: Any, tmp_path: Path) -> None:
    out = tmp_path / "scored"
    ddl = f"""
        CREATE TABLE scored (
            id BIGINT, label FLOAT, score FLOAT, version BIGINT, run STRING, attempt INT
        ) WITH ('connector' = 'filesystem', 'path' = '{out.as_uri()}', 'format' = 'csv')
    """
    summary = dlf.run(pipeline(stream, dlf.Logistic(), sink=dlf.SqlSink(ddl=ddl, table="scored")), on="flink")
    rows: list[list[str]] = []
    for file in sorted(out.rglob("part-*")):
        with file.open(newline="") as text:
            rows.extend(csv.reader(text))
    assert sorted(int(row[0]) for row in rows) == list(range(stream.rows))
    loss = 0.0
    for row in rows:
        label, score = float(row[1]), min(max(float(row[2]), CLIP), 1 - CLIP)
        loss -= math.log(score if label else 1 - score)
    assert loss / stream.rows == pytest.approx(summary.metrics["logloss"], rel=1e-5)
    assert len({row[4] for row in rows}) == 1
    assert {row[5] for row in rows} == {"0"} or {row[5] for row in rows} == {"1"}


def test_sql_source_with_key_and_sink(stream: Any, tmp_path: Path) -> None:
    """Types of the key columns are known to Flink alone."""
    out = tmp_path / "scored"
    source = dlf.SqlSource(
        ddl=f"""
            CREATE TABLE clicks (id BIGINT, ts TIMESTAMP(3), `user` STRING, ad INT, price DOUBLE, click INT)
            WITH ('connector' = 'filesystem', 'path' = '{stream.path.as_uri()}', 'format' = 'dlonflink-csv');
        """,
        table="clicks",
        query="SELECT id, `user`, ad, price, ad * 2 AS twice, click = 1 AS click FROM source WHERE ad < 20",
        key=("id",),
    )
    sink = dlf.SqlSink(
        ddl=f"""
            CREATE TABLE scored (id BIGINT, label FLOAT, score FLOAT, version BIGINT, run STRING, attempt INT)
            WITH ('connector' = 'filesystem', 'path' = '{out.as_uri()}', 'format' = 'csv')
        """,
        table="scored",
    )
    one = pipeline(
        stream,
        dlf.Logistic(),
        source=source,
        sink=sink,
        features=dlf.Features(hashed=("user", "ad", "twice"), dense=("price",)),
        evaluation=dlf.Evaluation(windows=(1_000,)),  # this source has no event time
        runtime=dlf.Runtime(),
    )
    summary = dlf.run(one, on="flink")
    assert summary.rows == sum(len(file.read_text().splitlines()) for file in out.rglob("part-*"))
    assert 0 < summary.rows < stream.rows


def test_the_worker_runs_in_another_interpreter(stream: Any, tmp_path: Path) -> None:
    """Which has the packages, but not dlonflink, which is lent to it."""
    venv.create(tmp_path / "other", with_pip=False, symlinks=True)
    packages = next((tmp_path / "other").glob("lib/python*/site-packages"))
    (packages / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    python = tmp_path / "other" / "bin" / "python"
    alone = subprocess.run([python, "-c", "import pyarrow, dlonflink"], capture_output=True, text=True, cwd=tmp_path)
    assert "No module named 'dlonflink'" in alone.stderr
    runtime = dlf.Runtime(deterministic=True, worker=dlf.Worker(python=str(python), env={"MARK": "seen"}))
    summary = dlf.run(pipeline(stream, dlf.Logistic(), runtime=runtime), on="flink")
    assert summary.rows == stream.rows
    assert summary.state_digest == dlf.run(pipeline(stream, dlf.Logistic()), on="local").state_digest

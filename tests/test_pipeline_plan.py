"""The plan: what both sides are told, in full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dlonflink as dlf
from dlonflink.connectors.local import schema
from dlonflink.pipeline.plan import Launch, Plan, SinkPlan, absolute, digest, make, training_plan

CONTRACT = Path(__file__).parent.parent / "contract" / "plan.schema.json"


def pipeline(stream: Any, **changes: Any) -> dlf.Pipeline:
    sections: dict[str, Any] = {
        "name": "clicks",
        "source": dlf.FileSource(
            paths=(str(stream.path),), format="csv", columns=stream.columns, event_time="ts", key=("id",)
        ),
        "features": dlf.Features(hashed=("user", "ad")),
        "label": "click",
        "learner": dlf.FM(),
    }
    return dlf.Pipeline(**(sections | changes))


def plan_of(one: dlf.Pipeline, folder: Path) -> Plan:
    placed = absolute(one)
    launch = Launch(
        run="20260101-000000-000000",
        directory=folder,
        checkpoints="file:///checkpoints/20260101-000000-000000",
        log=folder / "worker.log",
        scratch=folder,
        command=("python", "-m", "dlonflink.worker", "clicks"),
        environment={"A": "1"},
        resume=None,
    )
    training = training_plan(placed, description=digest(one))
    return make(placed, training, schema(placed.source), launch)


def test_the_contract_holds_the_schema_of_the_plan() -> None:
    written = json.loads(CONTRACT.read_text())
    assert written == Plan.model_json_schema(), (
        "contract/plan.schema.json is not that of dlonflink.pipeline.plan.Plan: write it anew, and raise `version` "
        "where an older jar would misread a plan"
    )


def test_a_plan_is_told_in_full(stream: Any, tmp_path: Path) -> None:
    told = json.loads(plan_of(pipeline(stream), tmp_path).model_dump_json())
    assert told["version"] == 1
    job, (worker,) = told["job"], told["worker"]
    assert list(job) == [
        "name", "run", "target", "detached", "flink", "slots", "learners", "statements", "query", "input", "operator",
        "command", "environment", "log", "files", "scored", "sink", "rejects",
    ]  # fmt: skip
    assert list(job["operator"]) == [
        "batch_rows", "batch_bytes", "batch_ms", "frame_bytes", "start_ms", "stop_ms", "silence_ms", "step_ms",
    ]  # fmt: skip
    assert worker["learner"] == {"type": "fm", "dim": 16, "rates": [2.0, 8.0, 24.0], "seed": 0}
    assert worker["features"]["hashed"] == ["user", "ad"]
    assert Plan.model_validate(told) == plan_of(pipeline(stream), tmp_path)
    for column in ("id", "ts", "user", "ad", "click"):
        assert f"`{column}`" in job["query"]
    assert "price" not in job["query"]


def test_scored_columns_have_types_where_they_are_known(stream: Any, tmp_path: Path) -> None:
    sink = dlf.SqlSink(ddl="CREATE TABLE out (id BIGINT) WITH ('connector' = 'print')", table="out")
    known = plan_of(pipeline(stream, sink=sink), tmp_path).job
    assert known.sink == SinkPlan(table="out", files=None)
    assert [(column.name, column.type) for column in known.scored] == [
        ("id", "BIGINT"),
        ("label", "FLOAT"),
        ("score", "FLOAT"),
        ("version", "BIGINT"),
        ("run", "STRING"),
        ("attempt", "INT"),
    ]
    source = dlf.SqlSource(ddl="CREATE TABLE t (a INT) WITH ('connector' = 'datagen')", table="t", key=("id",))
    unknown = plan_of(pipeline(stream, sink=sink, source=source), tmp_path).job
    assert unknown.scored[0].type is None
    assert plan_of(pipeline(stream), tmp_path).job.scored == ()


def test_bad_rows_have_a_place(stream: Any, tmp_path: Path, home: Path) -> None:
    one = pipeline(stream)
    assert plan_of(one, tmp_path).job.rejects is None
    text = one.source.model_copy(update={"rejects": dlf.Rejects(over=5)})
    plan = plan_of(pipeline(stream, source=text), tmp_path)
    rejects = plan.job.rejects
    assert rejects is not None
    assert rejects.sink.files is not None
    assert rejects.sink.files.path == (home / "clicks" / "rejects").as_uri()
    assert (rejects.to, rejects.over, rejects.max_share) == (str(home / "clicks" / "rejects"), 5, 0.01)
    assert plan.worker[0].rejects is not None
    assert plan.worker[0].rejects.to == rejects.to
    # The jar reads the file itself: only the columns that are wanted, and no table.
    assert rejects.text is not None
    assert rejects.text.read == ("id", "ts", "user", "ad", "click")
    assert rejects.text.event_time is not None
    assert rejects.text.event_time.watermark == "`ts`"
    assert plan.job.statements == ()
    query = one.source.model_copy(update={"rejects": dlf.Rejects(to="bad"), "query": "SELECT * FROM source"})
    plan = plan_of(pipeline(stream, source=query), tmp_path)
    assert plan.job.rejects is not None
    assert plan.job.rejects.to == str(Path.cwd() / "bad")
    assert plan.job.rejects.text is not None
    assert plan.job.rejects.text.read == tuple(stream.columns)
    sink = dlf.SqlSink(ddl="CREATE TABLE bad (reason STRING) WITH ('connector' = 'print')", table="bad")
    columns = {"id": "BIGINT", "user": "STRING", "ad": "INT", "click": "INT"}
    typed = dlf.MemorySource(columns=columns, rows=(), rejects=dlf.Rejects(to=sink))
    plan = plan_of(pipeline(stream, source=typed), tmp_path)
    assert plan.job.rejects is not None
    assert (plan.job.rejects.to, plan.job.rejects.text) == ("table bad", None)
    assert plan.job.statements[-1] == sink.ddl


def test_relative_paths_become_absolute(stream: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = pipeline(
        stream,
        source=dlf.FileSource(paths=("a/*.csv",), format="csv", columns=stream.columns),
        learner=dlf.Custom(type="model.py:Mine"),
        export=dlf.Export(to="versions"),
        checkpoint=dlf.Checkpoint(dir="s3://bucket/checkpoints"),
        runtime=dlf.Runtime(flink=dlf.Flink(jars=("kafka.jar",))),
    )
    placed = absolute(one)
    assert isinstance(placed.source, dlf.FileSource)
    assert placed.source.paths == (str(tmp_path / "a/*.csv"),)
    assert isinstance(placed.learner, dlf.Custom)
    assert placed.learner.type == f"{tmp_path}/model.py:Mine"
    assert placed.export is not None
    assert placed.export.to == str(tmp_path / "versions")
    assert placed.checkpoint.dir == "s3://bucket/checkpoints"
    assert placed.runtime.flink.jars == (str(tmp_path / "kafka.jar"),)
    assert absolute(placed) == placed


def test_the_digest_is_of_the_full_description(stream: Any) -> None:
    assert digest(pipeline(stream)) == digest(pipeline(stream, learner=dlf.FM(dim=16)))
    assert digest(pipeline(stream)) != digest(pipeline(stream, learner=dlf.FM(dim=8)))

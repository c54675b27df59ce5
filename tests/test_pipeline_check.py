"""What no section can know alone is refused before anything runs, with the key it stands at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import dlonflink as dlf
from dlonflink.errors import PipelineError, SchemaError
from dlonflink.pipeline.check import Target, check, columns_read
from dlonflink.pipeline.options import flink_options

COLUMNS = {"id": "BIGINT", "ts": "TIMESTAMP(3)", "user": "STRING", "ad": "STRING", "price": "DOUBLE", "click": "INT"}
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("ts", pa.timestamp("ms")),
        ("user", pa.utf8()),
        ("ad", pa.utf8()),
        ("price", pa.float64()),
        ("click", pa.int32()),
    ]
)
SOURCE = dlf.FileSource(paths=("rows.csv",), format="csv", columns=COLUMNS, event_time="ts", key=("id",))


def pipeline(**changes: Any) -> dlf.Pipeline:
    sections: dict[str, Any] = {
        "name": "ctr",
        "source": SOURCE,
        "features": dlf.Features(hashed=("user", "ad"), crossed=(("user", "ad"),), dense=("price",)),
        "label": "click",
        "learner": dlf.FM(),
    }
    return dlf.Pipeline(**(sections | changes))


def refusal(one: dlf.Pipeline, on: Target = "local", schema: pa.Schema | None = SCHEMA) -> PipelineError | SchemaError:
    with pytest.raises((PipelineError, SchemaError)) as refused:
        check(one, on, schema)
    assert refused.value.where
    return refused.value


def test_a_good_pipeline_passes_on_both() -> None:
    check(pipeline(), "local", SCHEMA)
    check(pipeline(), "flink", SCHEMA)
    assert columns_read(pipeline()) == ("id", "ts", "user", "ad", "price", "click")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"features": dlf.Features(hashed=("usr", "ad"))}, "features.hashed[0]"),
        ({"features": dlf.Features(hashed=("ad",), crossed=(("ad", "usr"),))}, "features.crossed[0]"),
        ({"features": dlf.Features(dense=("prize",))}, "features.dense[0]"),
        ({"label": "clik"}, "label"),
        ({"label": dlf.Label(column="click", weight="prise")}, "label.weight"),
        ({"source": SOURCE.model_copy(update={"key": ("ide",)})}, "source.key[0]"),
        ({"source": SOURCE.model_copy(update={"event_time": "tss"})}, "source.event_time"),
    ],
)
def test_a_column_that_is_not_in_the_source(changes: dict[str, Any], where: str) -> None:
    error = refusal(pipeline(**changes))
    assert isinstance(error, SchemaError)
    assert error.where == where
    assert error.fix is not None
    assert "did you mean" in error.fix


def test_a_column_like_no_other_lists_them() -> None:
    assert "the source has: id, ts" in str(refusal(pipeline(label="zzz")))


def test_a_label_that_is_no_number() -> None:
    error = refusal(pipeline(label="user", features=dlf.Features(hashed=("ad",))))
    assert isinstance(error, SchemaError)
    assert "'user' is no number" in str(error)
    assert error.got == "STRING"


def test_a_label_among_the_features() -> None:
    error = refusal(pipeline(features=dlf.Features(hashed=("user", "click"))))
    assert error.where == "features.hashed[1]"
    assert "would read the answer" in str(error)


def test_a_window_of_event_time_needs_one() -> None:
    windows = dlf.Evaluation(windows=(1000, "1 h"))
    check(pipeline(evaluation=windows), "local", SCHEMA)
    timeless = SOURCE.model_copy(update={"event_time": None})
    error = refusal(pipeline(evaluation=windows, source=timeless))
    assert error.where == "evaluation.windows[1]"
    assert "source.event_time" in str(error.fix)
    check(pipeline(source=timeless), "local", SCHEMA)


def test_a_learner_is_one_process() -> None:
    error = refusal(pipeline(runtime=dlf.Runtime(worker=dlf.Worker(parallelism=2))), "flink")
    assert (error.where, error.got) == ("runtime.worker.parallelism", "2")
    assert "one process until its tables are sharded" in error.what


def test_no_features() -> None:
    assert refusal(pipeline(features=dlf.Features())).where == "features"


def test_a_compiled_learner_has_its_own_table() -> None:
    assert refusal(pipeline(embedding=dlf.Embedding(dim=8))).where == "embedding"
    custom = dlf.Custom(type="ctr.model:Mine")
    check(pipeline(learner=custom, embedding=dlf.Embedding(dim=8)), "local", SCHEMA)


def test_no_sql_on_the_local_runtime() -> None:
    sql = dlf.SqlSource(ddl="CREATE TABLE t (a INT) WITH ('connector' = 'datagen')", table="t")
    assert refusal(pipeline(source=sql), schema=None).where == "source.type"
    queried = SOURCE.model_copy(update={"query": "SELECT * FROM source"})
    assert refusal(pipeline(source=queried), schema=None).where == "source.query"
    sink = dlf.SqlSink(ddl="CREATE TABLE out (a INT) WITH ('connector' = 'print')", table="out")
    assert refusal(pipeline(sink=sink)).where == "sink.type"
    check(pipeline(source=queried, sink=sink), "flink", None)


def test_deterministic_needs_an_order(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    runtime = dlf.Runtime(deterministic=True)
    one = SOURCE.model_copy(update={"paths": (str(tmp_path / "a.csv"),)})
    check(pipeline(source=one, runtime=runtime), "flink", SCHEMA)
    two = SOURCE.model_copy(update={"paths": (str(tmp_path / "*.csv"),)})
    error = refusal(pipeline(source=two, runtime=runtime), "flink")
    assert "2 files" in str(error)
    sql = dlf.SqlSource(ddl="CREATE TABLE t (a INT) WITH ('connector' = 'datagen')", table="t")
    assert refusal(pipeline(source=sql, runtime=runtime), "flink", None).where == "source.query"
    ordered = two.model_copy(update={"query": "SELECT * FROM source\nORDER  BY ts"})
    check(pipeline(source=ordered, runtime=runtime), "flink", None)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("execution.checkpointing.interval", "use checkpoint.every"),
        ("execution.checkpointing.dir", "use checkpoint.dir"),
        ("pipeline.object-reuse", "leave it out"),
        ("table.local-time-zone", "time is UTC"),
    ],
)
def test_a_flink_option_of_ours(key: str, said: str) -> None:
    runtime = dlf.Runtime(flink=dlf.Flink(options={key: "x"}))
    for on in ("flink", "local"):
        error = refusal(pipeline(runtime=runtime), on)
        assert error.where == f"runtime.flink.options.{key}"
        assert said in str(error)


def test_any_other_flink_option_passes_through() -> None:
    runtime = dlf.Runtime(flink=dlf.Flink(options={"heartbeat.timeout": "30 s", "table.exec.state.ttl": "1 h"}))
    options = flink_options(
        pipeline(runtime=runtime, checkpoint=dlf.Checkpoint(every="2 min")),
        checkpoints="file:///c",
        scratch=Path("/tmp/s"),
        resume="file:///c/run/job/chk-3",
    )
    assert options["heartbeat.timeout"] == "30 s"
    assert options["table.exec.state.ttl"] == "1 h"
    assert options["execution.checkpointing.interval"] == "120000 ms"
    assert options["execution.state-recovery.path"] == "file:///c/run/job/chk-3"
    assert all(isinstance(value, str) for value in options.values())


@pytest.mark.parametrize("on", ["flink", "local"])
@pytest.mark.parametrize("text", ["arrow", "parquet"])
def test_whole_batches_have_no_rows_for_sql(on: Target, text: Any) -> None:
    source = SOURCE.model_copy(update={"format": text, "query": "SELECT * FROM source"})
    refused = refusal(pipeline(source=source), on)
    assert (refused.where, refused.got) == ("source.query", f"format: {text}")
    assert "unopened" in refused.what
    values = dlf.ArrowValues(column="batch", columns=COLUMNS)
    sql = dlf.SqlSource(ddl="", table="t", arrow=values, query="SELECT * FROM source")
    assert refusal(pipeline(source=sql), "flink").where == "source.query"


def test_an_order_of_whole_batches(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    source = SOURCE.model_copy(update={"format": "arrow", "paths": (str(tmp_path / "*"),)})
    runtime = dlf.Runtime(deterministic=True)
    refused = refusal(pipeline(source=source, runtime=runtime))
    assert (refused.where, refused.fix) == ("source.paths", "leave runtime.deterministic out")
    # Ranges of Parquet lie in one file, in the order of the paths.
    check(pipeline(source=source.model_copy(update={"format": "parquet"}), runtime=runtime), "flink", SCHEMA)


def test_of_whole_batches_the_declared_columns_are_read() -> None:
    values = dlf.ArrowValues(column="batch", columns=COLUMNS | {"more": "INT"})
    source = dlf.SqlSource(ddl="", table="t", arrow=values, key=("id",), event_time="ts")
    assert columns_read(pipeline(source=source)) == ("id", "ts", "user", "ad", "price", "click")

"""Batches that pass through Flink unopened: the bits of the same rows from CSV, on both runtimes and after a fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dlonflink as dlf
from dlonflink.connectors.local import read
from dlonflink.errors import DataError, LearnerError, SchemaError

FAILS_ONCE = '''\
"""Learns as conftest's does. The first process fails after two checkpoints; until they came, each step takes long."""

import importlib.util
import os
from pathlib import Path

spec = importlib.util.spec_from_file_location("perceptron", "{path}")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


class Once(module.Perceptron):
    def __init__(self, inputs, mark):
        super().__init__(inputs, 0.05)
        self.mark, self.first = Path(mark), {first} and not os.path.exists(mark)
        self.snapshots = 0

    def snapshot(self):
        self.snapshots += self.rows > 0
        return super().snapshot()

    def learn(self, batch, truth):
        for _ in range(self.first * 30):
            self.predict(batch)
        if self.first and self.snapshots > 1:
            self.mark.write_text(str(self.rows))
            raise ValueError("once")
        return super().learn(batch, truth)
'''


@pytest.fixture(scope="session")
def table(stream: Any) -> pa.Table:
    """The rows of `stream`, with other types where nothing is lost, and in another order of columns."""
    source = dlf.FileSource(paths=(str(stream.path),), format="csv", columns=stream.columns)
    rows = pa.Table.from_batches(read(source, list(stream.columns), batch_rows=4_096))
    users = rows.column("user").combine_chunks().dictionary_encode()
    return pa.table(
        {
            "price": rows.column("price"),
            "user": users,
            "click": rows.column("click").cast(pa.uint8()),
            "ts": rows.column("ts").cast(pa.timestamp("ns")),
            "more": rows.column("ad"),
            "ad": rows.column("ad").cast(pa.int64()),
            "id": rows.column("id"),
        }
    )


def write(table: pa.Table, path: Path, rows: int) -> Path:
    """By the name's ending, in batches or row groups of so many rows."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=rows)
        return path
    with (pa.ipc.new_file if path.suffix == ".arrow" else pa.ipc.new_stream)(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def pipeline(source: dlf.FileSource | dlf.SqlSource, **changes: Any) -> dlf.Pipeline:
    sections: dict[str, Any] = {
        "name": "values",
        "source": source,
        "features": dlf.Features(hashed=("user", "ad"), crossed=(("user", "ad"),), dense=("price",)),
        "label": "click",
        "learner": dlf.Logistic(),
        "evaluation": dlf.Evaluation(windows=(1_000, "1 h")),
        "checkpoint": dlf.Checkpoint(every="500 ms"),
        "runtime": dlf.Runtime(deterministic=True),
    }
    return dlf.Pipeline(**(sections | changes))


def files(path: Path, columns: dict[str, str]) -> dlf.FileSource:
    text = {".csv": "csv", ".parquet": "parquet"}.get(path.suffix, "arrow")
    return dlf.FileSource(paths=(str(path),), format=text, columns=columns, event_time="ts", key=("id",))


@pytest.mark.parametrize("name", ["a.arrow", "a.arrows", "a.parquet"])
def test_the_same_rows_give_the_same_bits(name: str, table: pa.Table, stream: Any, tmp_path: Path) -> None:
    source = files(write(table, tmp_path / name, 1_700), stream.columns)
    flink = dlf.run(pipeline(source), on="flink")
    local = dlf.run(pipeline(source), on="local")
    csv = dlf.run(pipeline(files(stream.path, stream.columns)), on="local")
    assert flink.rows == local.rows == stream.rows
    assert flink.state_digest == local.state_digest == csv.state_digest
    assert flink.windows == local.windows == csv.windows
    assert flink.metrics == csv.metrics


@pytest.mark.parametrize("name", ["a.arrow", "a.parquet"])
def test_a_restart_goes_on_where_the_checkpoint_was(
    name: str, table: pa.Table, stream: Any, learner_file: Path, tmp_path: Path
) -> None:
    """Each row exactly once: the learner counts them, and its weights hang on their order."""
    many = pa.concat_tables([table] * 12).combine_chunks()  # dictionaries of the file, over many batches
    source = files(write(many, tmp_path / name, 1_000), stream.columns)
    mark = tmp_path / "mark"
    learners: dict[bool, dlf.Custom] = {}
    for first in (True, False):
        path = tmp_path / f"learner_{first}.py"
        path.write_text(FAILS_ONCE.format(path=learner_file, first=first))
        learners[first] = dlf.Custom(type=f"{path}:Once", batch=16, mark=str(mark))
    every = dlf.Checkpoint(every="100 ms")
    flink = dlf.run(pipeline(source, learner=learners[True], checkpoint=every), on="flink")
    local = dlf.run(pipeline(source, learner=learners[False]), on="local")
    assert mark.exists()
    assert flink.restarts == 1
    assert flink.rows == local.rows == len(many)
    assert flink.state_digest == local.state_digest
    assert flink.metrics == local.metrics


def test_a_column_of_bytes_from_any_connector(table: pa.Table, stream: Any, tmp_path: Path) -> None:
    """As a user would put them into Kafka: each value a whole stream; here they stand in the SQL itself."""
    values: list[str] = []
    for batch in table.slice(0, 60).to_batches(max_chunksize=20):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        values.append(f"(CAST(x'{sink.getvalue().to_pybytes().hex()}' AS BYTES))")
    source = dlf.SqlSource(
        ddl=f"CREATE TEMPORARY VIEW samples AS SELECT b AS payload FROM (VALUES {', '.join(values)}) AS t (b)",
        table="samples",
        arrow=dlf.ArrowValues(column="payload", columns=stream.columns),
        key=("id",),
        event_time="ts",
    )
    flink = dlf.run(pipeline(source, runtime=dlf.Runtime()), on="flink")
    first = files(write(table.slice(0, 60), tmp_path / "first.arrow", 60), stream.columns)
    assert flink.rows == 60
    assert flink.state_digest == dlf.run(pipeline(first), on="local").state_digest


def test_a_column_that_does_not_hold_bytes(stream: Any) -> None:
    source = dlf.SqlSource(
        ddl="CREATE TEMPORARY VIEW samples AS SELECT b AS payload FROM (VALUES ('text')) AS t (b)",
        table="samples",
        arrow=dlf.ArrowValues(column="payload", columns=stream.columns),
    )
    with pytest.raises(SchemaError, match="the column that holds record batches is of another type") as refused:
        dlf.run(pipeline(source, runtime=dlf.Runtime(), evaluation=dlf.Evaluation(windows=())), on="flink")
    assert refused.value.where == "source.arrow.column"


@pytest.mark.parametrize("on", ["flink", "local"])
def test_a_file_that_is_cut_short(on: Any, table: pa.Table, stream: Any, tmp_path: Path) -> None:
    path = write(table, tmp_path / "a.arrows", 1_700)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 1_000])
    with pytest.raises(DataError, match="the Arrow file is damaged or cut short") as refused:
        dlf.run(pipeline(files(path, stream.columns)), on=on)
    assert (refused.value.where or "").startswith(f"{path}, byte ")


@pytest.mark.parametrize("on", ["flink", "local"])
def test_a_type_that_loses(on: Any, table: pa.Table, stream: Any, tmp_path: Path) -> None:
    path = write(table, tmp_path / "a.arrow", 1_700)
    with pytest.raises(SchemaError, match="column 'price' is of a type that does not become FLOAT") as refused:
        dlf.run(pipeline(files(path, stream.columns | {"price": "FLOAT"})), on=on)
    assert (refused.value.where or "").startswith(str(path))
    assert refused.value.fix == "declare it as DOUBLE in columns"


def test_a_run_is_resumed_by_the_ranges_it_began_with(
    table: pa.Table, stream: Any, learner_file: Path, tmp_path: Path
) -> None:
    """The new run writes ranges of its own, in a directory of its own: Flink goes on in those of the checkpoint."""
    many = pa.concat_tables([table] * 12)
    path = write(many, tmp_path / "a.parquet", 1_000)
    learner = tmp_path / "once.py"
    learner.write_text(FAILS_ONCE.format(path=learner_file, first=True))
    once = dlf.Custom(type=f"{learner}:Once", batch=16, mark=str(tmp_path / "mark"))
    no_restart = dlf.Flink(options={"restart-strategy.type": "none"})
    one = pipeline(
        files(path, stream.columns),
        learner=once,
        checkpoint=dlf.Checkpoint(every="100 ms"),
        runtime=dlf.Runtime(deterministic=True, flink=no_restart),
    )
    with pytest.raises(LearnerError, match="once"):
        dlf.run(one, on="flink")
    resumed = dlf.run(one, on="flink", resume=True)
    local = dlf.run(one, on="local")
    assert resumed.rows == len(many)
    assert resumed.state_digest == local.state_digest

"""The rows that a pipeline's learner would see, as an Arrow table."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from dlonflink.connectors.local import read, schema
from dlonflink.errors import PipelineError
from dlonflink.pipeline import plan as plans
from dlonflink.pipeline.check import Target, check, columns_read
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.runtime.explain import explain, explain_exit
from dlonflink.runtime.flink import command, logging_file
from dlonflink.runtime.java import find_java
from dlonflink.runtime.jvm import Jvm

_BATCH_ROWS = 4096
_POLL = 0.2
_GRACE = 8.0
_RUN = "collect"


def collect(pipeline: Pipeline, *, on: Target | None = None, rows: int | None = None) -> pa.Table:
    """The rows as the worker would get them: the columns that the pipeline reads, in its order, after its SQL.

    Nothing is learned, published or sent to a sink, and no run is kept. The first bad row raises, whatever
    `source.rejects` says. `on="flink"` starts the real job, on a Flink of its own, with a worker that keeps what it
    gets; a source without an end needs `rows`. Raises what `run` would.
    """
    if rows is not None and rows < 1:
        raise PipelineError("rows must be 1 or more", got=str(rows))
    target = on or pipeline.runtime.on
    embedded = pipeline.runtime.flink.model_copy(update={"target": "embedded"})
    runtime = pipeline.runtime.model_copy(update={"flink": embedded})
    source = pipeline.source.model_copy(update={"rejects": None})
    alone = pipeline.model_copy(update={"source": source, "sink": None, "export": None, "runtime": runtime})
    placed = plans.absolute(alone)
    columns = schema(placed.source)
    check(placed, target, columns)
    if target == "local":
        assert columns is not None  # `check` has refused what has no columns yet
        wanted = pa.schema([columns.field(name) for name in columns_read(placed)])
        batches = read(placed.source, columns_read(placed), batch_rows=min(rows or _BATCH_ROWS, _BATCH_ROWS))
        return pa.Table.from_batches(_first(batches, rows), wanted)
    with tempfile.TemporaryDirectory(prefix="dlf-") as directory:
        return _on_flink(placed, columns, Path(directory), rows or 0)


def _first(batches: Iterator[pa.RecordBatch], rows: int | None) -> list[pa.RecordBatch]:
    if rows is None:
        return list(batches)
    kept: list[pa.RecordBatch] = []
    for batch in islice(batches, rows):
        kept.append(batch.slice(0, rows))
        rows -= kept[-1].num_rows
        if rows == 0:
            break
    return kept


def _on_flink(pipeline: Pipeline, columns: pa.Schema | None, directory: Path, rows: int) -> pa.Table:
    collected = directory / "rows.arrow"
    training = plans.training_plan(pipeline, description="")
    launch = plans.Launch(
        run=_RUN,
        directory=directory,
        checkpoints=(directory / "checkpoints").as_uri(),
        log=directory / "worker.log",
        scratch=directory,
        command=[sys.executable, "-P", "-m", "dlonflink.testing.collector", str(collected), str(rows)],
        environment={},
        resume=None,
    )
    plan = directory / "plan.json"
    plan.write_text(plans.make(pipeline, training, columns, launch).model_dump_json())
    log = directory / "flink.log"
    logging = logging_file(directory, log, name=pipeline.name, run=_RUN)
    line = command(find_java(), pipeline.runtime.flink.jars, scratch=directory, logging=logging, plan=plan)
    jvm = Jvm(line, directory / "out.log")
    try:
        _wait(jvm, collected, log)
    finally:
        jvm.terminate()
        jvm.end(_GRACE)
    with pa.ipc.open_stream(str(collected)) as stream:
        return stream.read_all()


def _wait(jvm: Jvm, collected: Path, log: Path) -> None:
    """Until the rows are there. Raises what the job failed with."""
    while not collected.is_file():
        event = jvm.event(_POLL)
        if event is not None and event.get("event") == "failed":
            raise explain(event, log)
        code = jvm.exit_code()
        if event is None and code is not None and not collected.is_file():
            raise explain_exit(code, jvm.printed(), log)

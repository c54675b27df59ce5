"""What no section can know alone: refused before anything runs.

Every refusal's `where` is the dotted path of the key (`features.hashed[2]`), so that the edge that read a YAML file can
say the line.
"""

from __future__ import annotations

import difflib
import glob
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa

from dlonflink.connectors.ddl import check_time
from dlonflink.connectors.files import FileSource
from dlonflink.connectors.memory import MemorySource
from dlonflink.connectors.parts import folder_of
from dlonflink.connectors.sinks import FileSink, Sink, SqlSink
from dlonflink.connectors.sql import SqlSource
from dlonflink.connectors.values import declared, kind
from dlonflink.errors import PipelineError, SchemaError
from dlonflink.learners.settings import Torch, user_code
from dlonflink.pipeline.options import refuse_ours
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.pipeline.secrets import refuse_unmatched
from dlonflink.types import sql

Target = Literal["flink", "local"]

LABEL_TYPES = "BOOLEAN or a number"
_WEIGHT = "label.weight"


def check(pipeline: Pipeline, on: Target, columns: pa.Schema | None) -> None:
    """Refuses a pipeline whose sections do not fit together, or not on this runtime.

    `columns` are those of the source where they are known before anything runs (no SQL stands in between). Raises
    PipelineError, or SchemaError for a column that is not in the source.
    """
    _check_values(pipeline)
    _check_features(pipeline)
    if columns is not None:
        _check_columns(pipeline, columns)
    _check_event_time(pipeline)
    _check_windows(pipeline)
    # On local, too, where they mean nothing: a pipeline that is tried there is to run on Flink.
    refuse_ours(pipeline.runtime.flink.options)
    refuse_unmatched(pipeline)
    _check_sink(pipeline, columns)
    _check_worker(pipeline, on)
    if on == "local":
        _check_local(pipeline)
    if pipeline.runtime.deterministic:
        _check_order(pipeline)


def columns_read(pipeline: Pipeline) -> tuple[str, ...]:
    """Every column that leaves the source, once: key, event time, features, labels, weights.

    In the table's own order where it is known: to put them into another one, Flink copies every string.
    """
    read = dict.fromkeys(column for _, column in _mentions(pipeline))
    columns = declared(pipeline.source)
    return tuple(read) if columns is None else tuple(column for column in columns if column in read)


def _mentions(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Place and name of every column the pipeline speaks of."""
    yield from ((f"source.key[{i}]", column) for i, column in enumerate(pipeline.source.key))
    time = pipeline.source.time()
    if time is not None:
        yield "source.event_time", time.column
    features = pipeline.features
    yield from ((f"features.hashed[{i}]", one.column) for i, one in enumerate(features.all_hashed()))
    for i, cross in enumerate(features.all_crossed()):
        yield from ((f"features.crossed[{i}]", column) for column in cross.columns)
    yield from ((f"features.dense[{i}]", one.column) for i, one in enumerate(features.all_dense()))
    for label in pipeline.labels():
        yield "label", label.column
        if label.weight is not None:
            yield _WEIGHT, label.weight


def _check_values(pipeline: Pipeline) -> None:
    source = pipeline.source
    if kind(source) == "rows" or source.query is None:
        return
    files = isinstance(source, FileSource)
    raise PipelineError(
        "whole batches pass through Flink unopened: there are no rows for a query",
        where="source.query",
        got=f"format: {source.format}" if files else "source.arrow",
        fix="leave query out, or write the file as csv or jsonl"
        if files
        else "leave query out, or declare the columns in the DDL with a format of Flink's that reads rows",
    )


def _check_features(pipeline: Pipeline) -> None:
    features = pipeline.features
    if len(features) == 0:
        raise PipelineError("no feature is declared", where="features", fix="name at least one column under hashed")
    labels = [label.column for label in pipeline.labels()]
    for place, column in _mentions(pipeline):
        if place.startswith("features.") and column in labels:
            raise PipelineError(
                f"column {column!r} is the label and a feature",
                where=place,
                fix="leave it out of the features: the learner would read the answer",
            )
    if not user_code(pipeline.learner) and "embedding" in pipeline.model_fields_set:
        raise PipelineError(
            f"{pipeline.learner.type} lays out its own table",
            where="embedding",
            fix="leave `embedding` out: it is for a learner of your own",
        )


def _check_columns(pipeline: Pipeline, columns: pa.Schema) -> None:
    for place, column in _mentions(pipeline):
        if column not in columns.names:
            close = difflib.get_close_matches(column, columns.names, 1)
            fix = f"did you mean {close[0]!r}?" if close else f"the source has: {_some(columns.names)}"
            raise SchemaError(f"column {column!r} is not in the source", where=place, fix=fix)
    for label in pipeline.labels():
        for place, column in (("label", label.column), (_WEIGHT, label.weight)):
            kind = columns.field(column).type if column is not None else pa.float64()
            if not _number(kind):
                raise SchemaError(f"column {column!r} is no number", where=place, expected=LABEL_TYPES, got=sql(kind))


def _check_event_time(pipeline: Pipeline) -> None:
    """On local, too, which could make do with less: a pipeline that is tried there is to run on Flink."""
    source, time = pipeline.source, pipeline.source.time()
    if time is not None and not isinstance(source, SqlSource) and time.column in source.columns:
        check_time(time.column, source.columns[time.column])


def _number(kind: pa.DataType) -> bool:
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def _check_windows(pipeline: Pipeline) -> None:
    """Without an event time every row would fall into one window of 1970."""
    if pipeline.source.time() is not None:
        return
    for i, size in enumerate(pipeline.evaluation.windows):
        if isinstance(size, str):
            raise PipelineError(
                "a window of event time needs an event time",
                where=f"evaluation.windows[{i}]",
                got=size,
                fix="name its column: source.event_time; or say the window as a number of rows",
            )


def _check_worker(pipeline: Pipeline, on: Target) -> None:
    runtime = pipeline.runtime
    if runtime.worker.parallelism != 1:
        raise PipelineError(
            "a learner is one process until its tables are sharded",
            where="runtime.worker.parallelism",
            expected="1",
            got=str(runtime.worker.parallelism),
            fix="leave it out; runtime.flink.parallelism is that of the source and the SQL",
        )
    if on == "local" or runtime.flink.target == "embedded":
        return
    if runtime.flink.address is None:
        raise PipelineError(
            "a remote cluster needs an address",
            where="runtime.flink.address",
            expected="http://host:port, that of its web UI",
            fix="name it, or leave target: remote out",
        )
    if runtime.metrics.prometheus is not None:
        raise PipelineError(
            "a cluster's own reporters show our metrics, and only its administrator can add one",
            where="runtime.metrics.prometheus",
            got=str(runtime.metrics.prometheus),
            fix="leave it out; the cluster's metrics.reporter.prom.* options are the way (docs/metrics.md)",
        )
    code = user_code(pipeline.learner)
    if code is not None and code.startswith("/"):
        file = Path(code.rpartition(":")[0])
        raise PipelineError(
            "the learner's file is not on the cluster",
            where="learner.module" if isinstance(pipeline.learner, Torch) else "learner.type",
            got=code,
            fix=f"ship it: runtime.worker.files: [{file.name}], or its whole directory: [{file.parent.name}/]",
        )


def _check_local(pipeline: Pipeline) -> None:
    fix = "run it with --on flink"
    if isinstance(pipeline.source, SqlSource):
        raise PipelineError("the local runtime has no SQL", where="source.type", got="sql", fix=fix)
    if pipeline.source.query is not None:
        raise PipelineError("the local runtime has no SQL", where="source.query", fix=fix)
    if isinstance(pipeline.sink, SqlSink):
        raise PipelineError(
            "the local runtime has no SQL", where="sink.type", got="sql", fix=f"{fix}, or write type: files"
        )
    if isinstance(pipeline.sink, FileSink):
        folder_of(pipeline.sink)
    rejects = pipeline.source.rejects
    if rejects is not None:
        _check_local_rejects(rejects.sink(), fix)


def _check_local_rejects(sink: Sink, fix: str) -> None:
    place = "source.rejects.to"
    if isinstance(sink, SqlSink):
        raise PipelineError("the local runtime has no SQL", where=f"{place}.type", got="sql", fix=fix)
    try:
        folder_of(sink)
    except PipelineError as error:
        error.where = place
        raise


def _check_sink(pipeline: Pipeline, columns: pa.Schema | None) -> None:
    if pipeline.sink is None or columns is None:
        return
    for i, column in enumerate(pipeline.source.key):
        if pa.types.is_nested(columns.field(column).type):
            raise PipelineError(
                f"key column {column!r} cannot be part of a scored row",
                where=f"source.key[{i}]",
                expected="a scalar",
                got=sql(columns.field(column).type),
            )


def _check_order(pipeline: Pipeline) -> None:
    """A result that depends on rows and order alone needs an order."""
    source = pipeline.source
    if pipeline.runtime.flink.parallelism > 1:
        raise PipelineError(
            "deterministic needs an order of input: parallel sources have none",
            where="runtime.flink.parallelism",
            expected="1",
            got=str(pipeline.runtime.flink.parallelism),
            fix="leave it out, or runtime.deterministic",
        )
    ordered = source.query is not None and re.search(r"\border\s+by\b", source.query, re.IGNORECASE)
    if ordered or isinstance(source, MemorySource):
        return
    whole = kind(source) != "rows"
    fix = f"{'' if whole else 'ORDER BY the event time in source.query, or '}leave runtime.deterministic out"
    if isinstance(source, FileSource):
        if source.format == "parquet":
            return  # one reader, in the order of the paths
        files = [file for path in source.paths for file in glob.glob(path, recursive=True)]  # noqa: PTH207
        if len(files) > 1:
            raise PipelineError(
                "deterministic needs an order of input: several files are read in any order",
                where="source.paths",
                expected="one file",
                got=f"{len(files)} files",
                fix=fix,
            )
        return
    raise PipelineError(
        "deterministic needs an order of input: SQL without ORDER BY has none", where="source.query", fix=fix
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:8])}, ... ({len(names)} columns)"

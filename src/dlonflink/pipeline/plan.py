"""The plan: what Flink's side and the worker's side are told, in full (contract/README.md, section 1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from dlonflink.connectors.ddl import select, sink_statements, sink_url, statements
from dlonflink.connectors.files import FileSource
from dlonflink.connectors.rejects import Rejects
from dlonflink.connectors.sinks import FileSink, SqlSink
from dlonflink.connectors.values import input_of
from dlonflink.learners.settings import user_code, with_user_code
from dlonflink.pipeline.check import columns_read
from dlonflink.pipeline.options import flink_options, metrics_options, texts
from dlonflink.pipeline.pipeline import Pipeline, Runtime, Worker
from dlonflink.pipeline.rejects import TextPlan, text_plan
from dlonflink.settings import Name, Settings, Text, home, milliseconds
from dlonflink.training.scored import scored_schema
from dlonflink.training.settings import RejectsPlan, TrainingPlan
from dlonflink.types import sql


class Operator(Settings):
    """Limits of the operator beside the worker."""

    batch_rows: int = 4096
    batch_bytes: int = 4 << 20
    batch_ms: int = 50
    """Rows wait for their batch at most this long, so that a slow stream is learned within 100 ms."""
    frame_bytes: int = 64 << 20
    start_ms: int = 300_000
    """Covers an interpreter that compiles every kernel on a busy machine."""
    stop_ms: int = 3_000
    silence_ms: int
    """A worker that says nothing for this long is dead."""
    step_ms: int
    """A learner that takes this long for one step hangs."""


class ScoredColumn(Settings):
    """A column of the scored rows."""

    name: str
    type: str | None
    """Flink SQL type; null: the type of the query's column of that name."""


class FilesPlan(Settings):
    """Part files that Flink's job writes."""

    path: str
    """URL of the directory."""
    prefix: str
    suffix: str
    format: Literal["json", "csv"]
    """One of Flink's formats."""
    options: dict[str, str]
    """Of the format."""


class SinkPlan(Settings):
    """Where rows that leave the operator go: one of the two is null."""

    table: str | None
    """Made by `statements`."""
    files: FilesPlan | None


class RejectsJob(RejectsPlan):
    """Where bad rows go, and how many of those that are read from text there may be."""

    sink: SinkPlan
    text: TextPlan | None
    """Null: the rows come typed."""


class JobPlan(Settings):
    """What Java reads; contract/README.md says what each member means."""

    name: Name
    run: str
    target: Literal["embedded", "remote"]
    detached: bool
    flink: dict[str, Text]
    slots: int
    learners: int
    """1: what learns is one process. More are for the tests' oracle alone, whose worker is another program."""
    statements: tuple[Text, ...]
    query: str
    input: Literal["rows", "values"]
    operator: Operator
    command: tuple[str, ...]
    environment: dict[str, Text]
    log: str | None
    files: str | None
    scored: tuple[ScoredColumn, ...]
    sink: SinkPlan | None
    rejects: RejectsJob | None


class Plan(Settings):
    """The whole file. `worker` goes through Java untouched."""

    version: Literal[1]
    job: JobPlan
    worker: tuple[TrainingPlan, ...]


@dataclass(frozen=True)
class Launch:
    """What one start adds to a pipeline: its name, its places, and the worker's command."""

    run: str
    directory: Path
    checkpoints: str
    log: Path | None
    scratch: Path
    command: Sequence[str]
    environment: Mapping[str, str]
    resume: str | None
    """URL of a checkpoint."""
    other_sinks: bool = False
    """Its state of sinks may be left behind."""
    jars: Sequence[str] = ()
    """URLs of what a remote cluster has to get."""
    files: Path | None = None
    """Directory of the user's own files."""
    detached: bool = False


def digest(pipeline: Pipeline) -> str:
    """SHA-256 of the full description, defaults included."""
    text = json.dumps(pipeline.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def absolute(pipeline: Pipeline) -> Pipeline:
    """The same pipeline for processes that work elsewhere: every relative path starts at the working directory."""
    changed: dict[str, object] = {"runtime": _runtime(pipeline)}
    source = pipeline.source
    if isinstance(source, FileSource):
        paths = tuple(str(Path(path).absolute()) for path in source.paths)
        source = source.model_copy(update={"paths": paths})
    if source.rejects is not None:
        source = source.model_copy(update={"rejects": _rejects(source.rejects, pipeline.name)})
    changed["source"] = source
    code = user_code(pipeline.learner)
    if code is not None:
        path = _import_path(code, pipeline.runtime.worker.files)
        changed["learner"] = with_user_code(pipeline.learner, path)
    if pipeline.export is not None:
        changed["export"] = pipeline.export.model_copy(update={"to": _place(pipeline.export.to)})
    if isinstance(pipeline.sink, FileSink):
        changed["sink"] = pipeline.sink.model_copy(update={"path": _place(pipeline.sink.path)})
    if pipeline.checkpoint.dir is not None:
        changed["checkpoint"] = pipeline.checkpoint.model_copy(update={"dir": _place(pipeline.checkpoint.dir)})
    return pipeline.model_copy(update=changed)


def _rejects(rejects: Rejects, name: str) -> Rejects:
    to = str(home() / name / "rejects") if rejects.to is None else rejects.to
    sink = FileSink(path=to) if isinstance(to, str) else to
    if isinstance(sink, FileSink):
        sink = sink.model_copy(update={"path": _place(sink.path)})
    return rejects.model_copy(update={"to": sink})


def _runtime(pipeline: Pipeline) -> Runtime:
    runtime = pipeline.runtime
    jars = tuple(str(Path(jar).absolute()) for jar in runtime.flink.jars)
    files = tuple(str(Path(file).absolute()) for file in runtime.worker.files)
    changed = {
        "flink": runtime.flink.model_copy(update={"jars": jars}),
        "worker": runtime.worker.model_copy(update={"files": files}),
    }
    return runtime.model_copy(update=changed)


def _import_path(written: str, files: Sequence[str]) -> str:
    """A file that travels in `runtime.worker.files` is named from there; any other one where it lies here."""
    file, _, name = written.rpartition(":")
    if not file.endswith(".py"):
        return written
    path = Path(file).absolute()
    for entry in (Path(one).absolute() for one in files):
        if path == entry or entry in path.parents:
            return f"{path.relative_to(entry.parent)}:{name}"
    return f"{path}:{name}"


def _place(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())


def training_plan(pipeline: Pipeline, *, description: str, files: Mapping[str, str] | None = None) -> TrainingPlan:
    """The worker's part; `description` is the digest of the pipeline as it was written, `files` those of
    `runtime.worker.files`.
    """
    time = pipeline.source.time()
    elsewhere = pipeline.runtime.flink.target == "remote"
    return TrainingPlan(
        name=pipeline.name,
        features=pipeline.features,
        labels=pipeline.labels(),
        event_time=time.column if time else None,
        key=pipeline.source.key,
        learner=pipeline.learner,
        embedding=pipeline.embedding,
        evaluation=pipeline.evaluation,
        export=pipeline.export,
        deterministic=pipeline.runtime.deterministic,
        scored=pipeline.sink is not None,
        pipeline_digest=description,
        rejects=_rejects_plan(pipeline),
        # Code by module name is found from where the pipeline was started.
        path=(str(Path.cwd()),) if user_code(pipeline.learner) and not elsewhere else (),
        files=dict(files or {}),
        input=input_of(pipeline.source, columns_read(pipeline)),
    )


def _rejects_plan(pipeline: Pipeline) -> RejectsPlan | None:
    rejects = pipeline.source.rejects
    return rejects and RejectsPlan(max_share=rejects.max_share, over=rejects.over, to=rejects.place())


def _rejects_job(pipeline: Pipeline, run: str) -> RejectsJob | None:
    rejects, bound = pipeline.source.rejects, _rejects_plan(pipeline)
    if rejects is None or bound is None:
        return None
    return RejectsJob(**bound.model_dump(), sink=sink_plan(rejects.sink(), run=run), text=text_plan(pipeline))


def make(pipeline: Pipeline, training: TrainingPlan, columns: pa.Schema | None, launch: Launch) -> Plan:
    """The whole plan of a pipeline that `check` has passed and `absolute` has placed. Writes a memory source's rows."""
    read = columns_read(pipeline)
    sink = pipeline.sink
    job = JobPlan(
        name=pipeline.name,
        run=launch.run,
        target=pipeline.runtime.flink.target,
        detached=launch.detached,
        flink=metrics_options(pipeline.runtime.metrics, launch.run)
        | flink_options(
            pipeline,
            checkpoints=launch.checkpoints,
            scratch=launch.scratch,
            resume=launch.resume,
            other_sinks=launch.other_sinks,
            jars=launch.jars,
        ),
        slots=pipeline.runtime.flink.parallelism,
        learners=1,
        statements=(
            *statements(pipeline.source, run_dir=launch.directory),
            *sink_statements(sink),
            *_reject_statements(pipeline),
        ),
        query=select(pipeline.source, read),
        input="rows" if training.input.kind == "rows" else "values",
        operator=_operator(pipeline.runtime.worker),
        command=tuple(launch.command),
        environment={**texts(pipeline.runtime.worker.env), **launch.environment},
        log=None if launch.log is None else str(launch.log),
        files=None if launch.files is None else str(launch.files),
        scored=() if sink is None else _scored(training, columns),
        sink=None if sink is None else sink_plan(sink, run=launch.run),
        rejects=_rejects_job(pipeline, launch.run),
    )
    return Plan(version=1, job=job, worker=(training,))


def _operator(worker: Worker) -> Operator:
    silence, step = (min(milliseconds(span), _MOST_MS) for span in (worker.silence, worker.step))
    return Operator(silence_ms=silence, step_ms=step)


_MOST_MS = (1 << 31) - 1
"""Java's int: 24 days are as good as for ever."""


def _reject_statements(pipeline: Pipeline) -> list[Text]:
    return sink_statements(pipeline.source.rejects.sink()) if pipeline.source.rejects else []


_FORMATS: Mapping[str, tuple[Literal["json", "csv"], dict[str, str]]] = {
    "jsonl": ("json", {"timestamp-format.standard": "SQL", "encode.decimal-as-plain-number": "true"}),
    "csv": ("csv", {"write-bigdecimal-in-scientific-notation": "false"}),
}
"""Flink's name of the format, and options that make the texts those of docs/files.md."""


def sink_plan(sink: FileSink | SqlSink, *, run: str) -> SinkPlan:
    """What Java is told of a sink. Parts carry the run in their names, so that those of another are not replaced."""
    if isinstance(sink, SqlSink):
        return SinkPlan(table=sink.table, files=None)
    name, options = _FORMATS[sink.format]
    suffix = f".{sink.format}"
    files = FilesPlan(path=sink_url(sink), prefix=f"part-{run}", suffix=suffix, format=name, options=options)
    return SinkPlan(table=None, files=files)


def _scored(training: TrainingPlan, columns: pa.Schema | None) -> tuple[ScoredColumn, ...]:
    """Where SQL stands in between, the types of the key columns are known to Flink alone: NULL stands for them."""
    known = columns or pa.schema([(name, pa.null()) for name in training.key])
    fields = scored_schema(training, known)
    return tuple(
        ScoredColumn(name=field.name, type=None if pa.types.is_null(field.type) else sql(field.type))
        for field in fields
    )

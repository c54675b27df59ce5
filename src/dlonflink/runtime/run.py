"""From a pipeline to a started job."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dlonflink.connectors.local import read, schema
from dlonflink.connectors.parts import Part
from dlonflink.connectors.refused import Refused
from dlonflink.connectors.sinks import FileSink
from dlonflink.errors import PipelineError, SetupError
from dlonflink.pipeline import plan as plans
from dlonflink.pipeline.check import Target, check, columns_read
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.pipeline.secrets import references
from dlonflink.runtime.base import Job, Summary
from dlonflink.runtime.control import Submitted
from dlonflink.runtime.directory import RunDirectory
from dlonflink.runtime.flink import command, logging_file, own_jar
from dlonflink.runtime.interpreter import Compiler, Interpreter
from dlonflink.runtime.java import find_java
from dlonflink.runtime.job import FlinkJob, submission
from dlonflink.runtime.jvm import Jvm
from dlonflink.runtime.local import Kept, LocalJob
from dlonflink.runtime.places import check_places
from dlonflink.runtime.remote import check_cluster
from dlonflink.runtime.resume import DESCRIPTION, described, only_sinks_differ, refuse_changes
from dlonflink.training.files import gather, place
from dlonflink.training.settings import TrainingPlan

_LOCAL_ROWS = 4096
"""As many as Flink's operator sends; a row-by-row learner learns each such batch in one call."""


def start(pipeline: Pipeline, *, on: Target | None = None, fresh: bool = False, resume: bool | str = False) -> Job:
    """Starts a pipeline and returns at once; the job's error is raised by `wait` and `progress`.

    `on` overrides `runtime.on`. `resume` goes on from the newest checkpoint of the last run, or from the checkpoint or
    savepoint whose URL it is; `fresh` starts over; a pipeline whose last run finished, or left nothing to go on from,
    starts over without being asked to. What may have changed meanwhile: docs/resume.md. Raises what is wrong before
    anything runs: PipelineError, SchemaError, SetupError, ResumeError.
    """
    target = on or pipeline.runtime.on
    prepared = _prepare(pipeline, target, fresh=fresh, resume=resume)
    with _closing(prepared.directory):
        return _locally(prepared) if target == "local" else _on_flink(prepared)


def run(pipeline: Pipeline, *, on: Target | None = None, fresh: bool = False, resume: bool | str = False) -> Summary:
    """Starts a pipeline and waits for its end. Ctrl-C stops it cleanly. Arguments and errors: see `start`."""
    with start(pipeline, on=on, fresh=fresh, resume=resume) as job:
        return job.wait()


def submit(pipeline: Pipeline, *, fresh: bool = False, resume: bool | str = False) -> Submitted:
    """Submits a pipeline to the cluster of `runtime.flink` and returns; the job goes on without this process.
    Arguments and errors: see `start`.
    """
    if pipeline.runtime.on == "local" or pipeline.runtime.flink.target == "embedded":
        raise PipelineError(
            "what is to run on without this command needs a cluster that does",
            where="runtime.flink.target",
            expected="remote",
            fix="set it, and runtime.flink.address; or leave --detach out",
        )
    prepared = _prepare(pipeline, "flink", fresh=fresh, resume=resume)
    directory = prepared.directory
    with _closing(directory):
        _, jvm = _launch(prepared, detached=True)
        web, job_id = submission(jvm, directory)
    directory.leave()
    return Submitted(pipeline.name, directory.run, web, job_id)


@dataclass(frozen=True)
class _Prepared:
    """A pipeline that has passed every check, and its places."""

    pipeline: Pipeline
    training: TrainingPlan
    columns: pa.Schema | None
    directory: RunDirectory
    other_sinks: bool
    """Sinks are all that differs from the run that this one goes on from."""

    @property
    def files(self) -> Path | None:
        return self.directory.scratch / "files" if self.training.files else None


def _prepare(pipeline: Pipeline, target: Target, *, fresh: bool, resume: bool | str) -> _Prepared:
    if fresh and resume:
        raise PipelineError("fresh and resume exclude each other", fix="say one of them")
    if target == "local" and resume:
        raise PipelineError("the local runtime has no checkpoints to resume from", fix="run it with --on flink")
    description = plans.digest(pipeline)
    placed = plans.absolute(pipeline)
    columns = schema(placed.source)
    check(placed, target, columns)
    check_places(placed, target)
    if target == "flink" and placed.runtime.flink.target == "remote":
        check_cluster(str(placed.runtime.flink.address))
    directory = RunDirectory.open(placed, fresh=fresh, resume=resume)
    with _closing(directory):
        files = gather(placed.runtime.worker.files, directory.scratch / "files")
        training = plans.training_plan(placed, description=description, files=files)
        before = described(directory.base / "runs" / directory.resumed_run) if directory.resumed_run else None
        if before is not None:
            refuse_changes(before, placed)
        directory.write_json(DESCRIPTION, placed.model_dump(mode="json"))
    other_sinks = before is not None and only_sinks_differ(before, placed)
    return _Prepared(placed, training, columns, directory, other_sinks)


@contextmanager
def _closing(directory: RunDirectory) -> Generator[None]:
    """Closes a run that does not get under way."""
    try:
        yield
    except OSError as error:
        directory.close("failed")
        raise SetupError(f"cannot start: {error.strerror}", where=error.filename, got=str(error)) from error
    except BaseException:
        directory.close("failed")
        raise


def _locally(prepared: _Prepared) -> Job:
    pipeline, columns, directory = prepared.pipeline, prepared.columns, prepared.directory
    rejects = pipeline.source.rejects
    refused = Refused(rejects, directory.run) if rejects else None
    batches = read(pipeline.source, columns_read(pipeline), batch_rows=_LOCAL_ROWS, rejects=refused)
    assert columns is not None  # `check` has refused what has no columns yet
    read_columns = pa.schema([columns.field(name) for name in columns_read(pipeline)])
    place(prepared.training.files, str(directory.scratch / "files"))
    scored = Part(pipeline.sink, directory.run) if isinstance(pipeline.sink, FileSink) else None
    return LocalJob(batches, read_columns, prepared.training, directory, Kept(scored, refused))


def _on_flink(prepared: _Prepared) -> Job:
    compiler, jvm = _launch(prepared, detached=False)
    return FlinkJob(jvm, compiler, prepared.directory, prepared.pipeline.export)


def _launch(prepared: _Prepared, *, detached: bool) -> tuple[Compiler | None, Jvm]:
    """Starts the JVM, and the compiler beside it."""
    pipeline, directory = prepared.pipeline, prepared.directory
    flink = pipeline.runtime.flink
    remote = flink.target == "remote"
    for where, secret in references(pipeline):
        # A missing one is better known now than when the JVM has started. A cluster has an environment of its own.
        if not remote or not where.startswith("runtime.worker."):
            secret.read(where)
    java = find_java()
    interpreter = Interpreter(pipeline, directory.scratch)
    launch = plans.Launch(
        run=directory.run,
        directory=directory.path,
        checkpoints=directory.checkpoints,
        log=None if remote else directory.log("worker"),
        scratch=directory.scratch,
        command=interpreter.command(),
        environment=interpreter.environment,
        resume=directory.resumed_from,
        other_sinks=prepared.other_sinks,
        jars=[jar.as_uri() for jar in (own_jar(), *map(Path, flink.jars))] if remote else (),
        files=prepared.files,
        detached=detached,
    )
    plan = plans.make(pipeline, prepared.training, prepared.columns, launch)
    written = directory.write_json("plan.json", plan.model_dump(mode="json"))
    line = command(
        java,
        flink.jars,
        scratch=directory.scratch,
        logging=logging_file(directory.path, directory.log("flink"), name=pipeline.name, run=directory.run),
        plan=written,
    )
    compiler = interpreter.compile(written)
    try:
        return compiler, Jvm(line, directory.log("out"))
    except BaseException:
        if compiler is not None:
            compiler.stop()
        raise

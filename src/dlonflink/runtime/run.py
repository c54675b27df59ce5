"""From a pipeline to a started job."""

from __future__ import annotations

import pyarrow as pa

from dlonflink.connectors.local import read, schema
from dlonflink.connectors.parts import Part
from dlonflink.connectors.sinks import FileSink
from dlonflink.errors import PipelineError, SetupError
from dlonflink.pipeline import plan as plans
from dlonflink.pipeline.check import Target, check, columns_read
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.pipeline.secrets import references
from dlonflink.runtime.base import Job, Summary
from dlonflink.runtime.directory import RunDirectory
from dlonflink.runtime.embedded import EmbeddedJob
from dlonflink.runtime.flink import command, logging_file
from dlonflink.runtime.interpreter import Interpreter
from dlonflink.runtime.java import find_java
from dlonflink.runtime.jvm import Jvm
from dlonflink.runtime.local import LocalJob
from dlonflink.runtime.places import check_places
from dlonflink.runtime.resume import refuse_changes
from dlonflink.training.files import gather, place
from dlonflink.training.settings import TrainingPlan

_LOCAL_ROWS = 4096
"""As many as Flink's operator sends; a row-by-row learner learns each such batch in one call."""


def start(pipeline: Pipeline, *, on: Target | None = None, fresh: bool = False, resume: bool = False) -> Job:
    """Starts a pipeline and returns at once; the job's error is raised by `wait` and `progress`.

    `on` overrides `runtime.on`. `resume` goes on from the newest checkpoint of the last run, `fresh` starts over; a
    pipeline whose last run finished, or left nothing to go on from, starts over without being asked to. Raises what is
    wrong before anything runs: PipelineError, SchemaError, SetupError, ResumeError.
    """
    target = on or pipeline.runtime.on
    if fresh and resume:
        raise PipelineError("fresh and resume exclude each other", fix="say one of them")
    if target == "local" and resume:
        raise PipelineError("the local runtime has no checkpoints to resume from", fix="run it with --on flink")
    description = plans.digest(pipeline)
    placed = plans.absolute(pipeline)
    columns = schema(placed.source)
    check(placed, target, columns)
    check_places(placed, target)
    directory = RunDirectory.open(placed, fresh=fresh, resume=resume)
    try:
        files = gather(placed.runtime.worker.files, directory.scratch / "files")
        training = plans.training_plan(placed, description=description, files=files)
        if target == "local":
            batches = read(placed.source, columns_read(placed), batch_rows=_LOCAL_ROWS)
            assert columns is not None  # `check` has refused what has no columns yet
            read_columns = pa.schema([columns.field(name) for name in columns_read(placed)])
            place(files, str(directory.scratch / "files"))
            scored = Part(placed.sink, directory.run) if isinstance(placed.sink, FileSink) else None
            return LocalJob(batches, read_columns, training, directory, scored)
        return _on_flink(placed, training, columns, directory)
    except OSError as error:
        directory.close("failed")
        raise SetupError(f"cannot start: {error.strerror}", where=error.filename, got=str(error)) from error
    except BaseException:
        directory.close("failed")
        raise


def run(pipeline: Pipeline, *, on: Target | None = None, fresh: bool = False, resume: bool = False) -> Summary:
    """Starts a pipeline and waits for its end. Ctrl-C stops it cleanly. Arguments and errors: see `start`."""
    with start(pipeline, on=on, fresh=fresh, resume=resume) as job:
        return job.wait()


def _on_flink(pipeline: Pipeline, training: TrainingPlan, columns: pa.Schema | None, directory: RunDirectory) -> Job:
    if directory.resumed_run is not None:
        refuse_changes(training, directory.base / "runs" / directory.resumed_run / "plan.json")
    for where, secret in references(pipeline):
        # A missing one is better known now than when the JVM has started. A cluster has an environment of its own.
        if pipeline.runtime.flink.target == "embedded" or not where.startswith("runtime.worker."):
            secret.read(where)
    java = find_java()
    interpreter = Interpreter(pipeline, directory.scratch)
    launch = plans.Launch(
        run=directory.run,
        directory=directory.path,
        checkpoints=directory.checkpoints,
        log=directory.log("worker"),
        scratch=directory.scratch,
        command=interpreter.command(),
        environment=interpreter.environment,
        resume=directory.resumed_from,
        files=directory.scratch / "files" if training.files else None,
    )
    plan = directory.write_json("plan.json", plans.make(pipeline, training, columns, launch).model_dump(mode="json"))
    line = command(
        java,
        pipeline.runtime.flink.jars,
        scratch=directory.scratch,
        logging=logging_file(directory.path, directory.log("flink"), name=pipeline.name, run=directory.run),
        plan=plan,
    )
    compiler = interpreter.compile(plan)
    try:
        return EmbeddedJob(Jvm(line, directory.log("out")), compiler, directory, pipeline.export)
    except BaseException:
        compiler.stop()
        raise

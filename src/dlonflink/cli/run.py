"""`dlonflink run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dlonflink.cli.live import follow
from dlonflink.cli.reporting import reporting
from dlonflink.cli.target import Target, read
from dlonflink.errors import PipelineError
from dlonflink.runtime.run import submit


def run(  # noqa: PLR0913 - they are options, written by name, few at a time
    target: Annotated[str, typer.Argument(help="pipeline.yaml, job.py:pipeline or package.module:pipeline")],
    on: Annotated[Literal["flink", "local"] | None, typer.Option(help="Where it runs; default: runtime.on.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over, whatever became of the last run.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last run's newest checkpoint.")] = False,
    resume_from: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="Go on from this checkpoint or savepoint; status lists them."),
    ] = None,
    summary: Annotated[Path | None, typer.Option(help="Write the summary to this file, as JSON.")] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Submit it to the cluster of runtime.flink, and leave it to itself.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show every stack of a failure.")] = False,
) -> None:
    """Run a pipeline and show its progress."""
    with reporting(debug):
        if detach:
            _detach(read(target), on=on, fresh=fresh, resume=resume_from or resume, summary=summary)
            return
        follow(read(target), on=on, fresh=fresh, resume=resume_from or resume, summary=summary)


def _detach(target: Target, *, on: str | None, fresh: bool, resume: bool | str, summary: Path | None) -> None:
    if on == "local" or summary is not None:
        raise PipelineError(
            "--detach does not go with --on local or --summary", fix=f"later: dlonflink status {target.pipeline.name}"
        )
    with target.places():
        job = submit(target.pipeline, fresh=fresh, resume=resume)
    typer.echo(f"{job.name}: submitted as job {job.job_id}   {job.web}")
    typer.echo(f"next: dlonflink status {job.name}, or stop, or savepoint")

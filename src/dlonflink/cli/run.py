"""`dlonflink run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dlonflink.cli.live import follow
from dlonflink.cli.reporting import reporting
from dlonflink.cli.target import read


def run(
    target: Annotated[str, typer.Argument(help="pipeline.yaml, job.py:pipeline or package.module:pipeline")],
    on: Annotated[Literal["flink", "local"] | None, typer.Option(help="Where it runs; default: runtime.on.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over, whatever became of the last run.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last run's newest checkpoint.")] = False,
    summary: Annotated[Path | None, typer.Option(help="Write the summary to this file, as JSON.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show every stack of a failure.")] = False,
) -> None:
    """Run a pipeline and show its progress."""
    with reporting(debug):
        follow(read(target), on=on, fresh=fresh, resume=resume, summary=summary)

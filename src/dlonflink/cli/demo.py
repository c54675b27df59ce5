"""`dlonflink demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dlonflink.cli.live import follow
from dlonflink.cli.reporting import reporting
from dlonflink.cli.target import Target
from dlonflink.demo.flights import pipeline

_INTRODUCTION = """\
Which of the 327,346 flights that left New York in 2013 arrived 15 minutes late or later? A stream in order of
departure; each flight is scored first, then learned. Labels come at once here, which flatters: with their true delay
the AUC is about .735.
"""


def demo(
    on: Annotated[Literal["flink", "local"], typer.Option(help="Where it runs.")] = "flink",
    learner: Annotated[Literal["fm", "logistic", "deepfm"], typer.Option(help="What learns.")] = "fm",
    summary: Annotated[Path | None, typer.Option(help="Write the summary to this file, as JSON.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show every stack of a failure.")] = False,
) -> None:
    """Learn a year of flights, in one pass."""
    with reporting(debug):
        typer.echo(_INTRODUCTION)
        follow(Target(pipeline(learner), None), on=on, fresh=True, resume=False, summary=summary)

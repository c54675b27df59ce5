"""`dlonflink doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import typer

from dlonflink.cli.findings import show
from dlonflink.cli.reporting import reporting
from dlonflink.cli.target import read
from dlonflink.doctor.examination import examine
from dlonflink.doctor.finding import Finding
from dlonflink.errors import DLOnFlinkError


def doctor(
    target: Annotated[
        str | None, typer.Argument(help="pipeline.yaml, job.py:pipeline or package.module:pipeline")
    ] = None,
    on: Annotated[Literal["flink", "local"] | None, typer.Option(help="Where it is to run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show every stack of a failure.")] = False,
) -> None:
    """Look at all that a run needs, and say what to mend."""
    with reporting(debug):
        code = show(_findings(target, on), as_json=as_json)
    raise typer.Exit(code)


def _findings(target: str | None, on: Literal["flink", "local"] | None) -> Iterator[Finding]:
    if target is None:
        yield from examine(on=on)
        return
    try:
        pipeline = read(target).pipeline
    except DLOnFlinkError as error:
        # The machine is looked at all the same.
        yield from examine(on=on)
        yield Finding.of("pipeline", error)
        return
    yield from examine(pipeline, on)

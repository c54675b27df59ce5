"""`dlonflink status`, `stop` and `savepoint`: a run that another terminal, or nobody, waits for."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dlonflink.cli.figures import event_time, share
from dlonflink.cli.reporting import reporting
from dlonflink.runtime.control import RunStatus, Submitted

Name = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show every stack of a failure.")]


def status(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    debug: Debug = False,
) -> None:
    """Tell how the newest run of a pipeline goes, or went."""
    with reporting(debug):
        told = Submitted.of(name).status()
        typer.echo(json.dumps(told.to_json()) if as_json else _page(told))


def stop(name: Name, debug: Debug = False) -> None:
    """Stop a run with a savepoint, from which `run --resume` goes on."""
    with reporting(debug):
        place = Submitted.of(name).stop()
        typer.echo(f"{name}: stopped; --resume goes on from {place}")


def savepoint(name: Name, debug: Debug = False) -> None:
    """Make a savepoint of a run, which goes on, and print its URL."""
    with reporting(debug):
        typer.echo(Submitted.of(name).savepoint())


def _page(told: RunStatus) -> str:
    lines = [f"{told.name}: {told.state}   run {told.run}"]
    if told.rows:
        metrics = told.metrics
        loss, auc, calibration = (share(metrics.get(name)) for name in ("logloss", "auc", "calibration"))
        time = f"   event time {event_time(told.event_time)}" if told.event_time else ""
        lines += [
            f"  rows {told.rows:,}   log loss {loss}   AUC {auc}   calibration {calibration}",
            f"  checkpoints {told.checkpoints}   restarts {told.restarts}   version {told.version or '-'}{time}",
        ]
    if told.received:
        lines.append(f"  received {told.received:,}   bad rows {told.rejected:,}   in flight {told.in_flight:,}")
    lines += [f"  newest failure: {told.failure}"] if told.failure else []
    lines += [f"  --resume goes on from {told.resumes_from}"] if told.resumes_from else []
    lines += [f"  --from {url}   made {event_time(made)}" for url, made in told.others.items()]
    lines += [f"  {told.web}" + (f"   job {told.job_id}" if told.job_id else "")] if told.web else []
    return "\n".join(lines)

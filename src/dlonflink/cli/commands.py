"""Every command."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from dlonflink.cli.demo import demo
from dlonflink.cli.doctor import doctor
from dlonflink.cli.predict import predict
from dlonflink.cli.run import run
from dlonflink.cli.schema import schema
from dlonflink.cli.status import savepoint, status, stop
from dlonflink.cli.versions import versions

_COMMANDS = (run, demo, status, stop, savepoint, predict, doctor, schema, versions)


def main() -> None:
    """Takes the command line apart and runs what it says."""
    app = typer.Typer(
        name="dlonflink",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for command in _COMMANDS:
        app.command()(command)
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dlonflink {version('dlonflink')}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Deep learning on Apache Flink, for online learning."""

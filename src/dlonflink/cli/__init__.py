"""The command line. One thin file for each command; only this room knows typer and rich."""

from __future__ import annotations

import typer

from dlonflink.cli.demo import demo
from dlonflink.cli.predict import predict
from dlonflink.cli.run import run
from dlonflink.cli.schema import schema
from dlonflink.cli.versions import versions

__all__ = ["main"]

_COMMANDS = (run, demo, predict, schema, versions)


def main() -> None:
    """Entry point of the `dlonflink` script."""
    app = typer.Typer(
        name="dlonflink",
        help="Deep learning on Apache Flink, for online learning.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command in _COMMANDS:
        app.command()(command)
    app()

"""The command line. One thin file for each command; only this room knows typer and rich."""

from __future__ import annotations

import importlib
import sys

from dlonflink.cli.findings import show
from dlonflink.doctor.examination import examine

__all__ = ["main"]


def main() -> None:
    """Entry point of the `dlonflink` script."""
    try:
        commands = importlib.import_module("dlonflink.cli.commands")
    except ImportError as error:
        sys.exit(_without(error))
    commands.main()


def _without(error: ImportError) -> int:
    """A package is missing, or broken. The doctor needs none to say which; a pipeline he cannot look at then."""
    if sys.argv[1:2] == ["doctor"]:
        return show(examine(), as_json="--json" in sys.argv)
    print(
        f"error[setup]: dlonflink cannot start: {error}\n  where:    {sys.executable}\n"
        "  fix:      dlonflink doctor says what is missing",
        file=sys.stderr,
    )
    return 1

"""`dlonflink versions`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlonflink.cli.figures import share
from dlonflink.cli.reporting import reporting
from dlonflink.errors import VersionNotFound
from dlonflink.store.store import Store
from dlonflink.store.version import Version

_LINE = "{:>7}  {:<4}  {:<20}  {:>10}  {:>12}  {:>7}  {:>7}  {:<20}  {}"


def versions(
    store: Annotated[str, typer.Argument(metavar="DIR", help="Directory or URL of the store.")],
    debug: Annotated[bool, typer.Option("--debug", help="Show every stack of a failure.")] = False,
) -> None:
    """List the published versions, newest first."""
    with reporting(debug):
        place = Store(store)
        found = place.versions()
        # Elsewhere than on a disk there may be no such thing as an empty directory.
        if not found and "://" not in place.url and not Path(place.url).exists():
            raise VersionNotFound(
                "there is no such directory", where=place.url, fix="give the directory that export.to names"
            )
        head = _LINE.format("version", "kind", "run", "checkpoint", "rows", "auc", "logloss", "created", "files")
        typer.echo(head if found else f"no version in {store}")
        for version in found:
            typer.echo(_line(version))


def _line(version: Version) -> str:
    origin = version.origin
    return _LINE.format(
        version.number,
        "full",
        origin.run,
        "last" if origin.checkpoint < 0 else origin.checkpoint,
        f"{origin.rows:,}",
        share(origin.metrics.get("auc")),
        share(origin.metrics.get("logloss")),
        version.created[:19],
        "kept" if version.kept else "gone",
    )

"""`dlonflink predict`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from dlonflink.cli.reporting import reporting
from dlonflink.errors import DataError
from dlonflink.serving.model import load

_BATCH = 1024
"""Rows scored at once: bounds the memory, whatever comes in."""


def predict(
    store: Annotated[str, typer.Argument(metavar="DIR", help="Directory or URL of the store.")],
    version: Annotated[int | None, typer.Option(help="Default: the newest.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show every stack of a failure.")] = False,
) -> None:
    """Score rows: one JSON object a line on stdin, one answer a line on stdout."""
    with reporting(debug):
        model = load(store, version)
        rows = _rows(sys.stdin)
        while batch := list(islice(rows, 1 if sys.stdin.isatty() else _BATCH)):
            prediction = model.predict(batch)
            for scores in prediction.scores:
                # Nine digits hold every float32.
                score = float(f"{scores[0]:.9g}")
                print(json.dumps({"score": score, "version": prediction.version}))
            sys.stdout.flush()


def _rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError("a line is not JSON", where=f"stdin, line {number}", got=str(error)) from None
        if not isinstance(row, dict):
            raise DataError("a line is not a JSON object", where=f"stdin, line {number}", got=line.strip()[:60])
        yield row

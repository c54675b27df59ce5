"""`dlonflink predict`."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, NamedTuple, cast

import typer

from dlonflink.cli.reporting import reporting
from dlonflink.errors import DataError
from dlonflink.serving.model import Model, Prediction, load

_BATCH = 1024
"""Rows scored at once: bounds the memory, whatever comes in."""


class _Row(NamedTuple):
    line: int
    values: dict[str, Any]


def predict(
    store: Annotated[str, typer.Argument(metavar="DIR", help="Directory or URL of the store.")],
    version: Annotated[int | None, typer.Option(help="Default: the newest.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show every stack of a failure.")] = False,
) -> None:
    """Score rows: one JSON object a line on stdin, one answer a line on stdout."""
    with reporting(debug):
        model = load(store, version)
        rows = _rows(sys.stdin, model.manifest.model.features.columns)
        while batch := list(islice(rows, 1 if sys.stdin.isatty() else _BATCH)):
            prediction = _predict(model, batch)
            for scores in prediction.scores:
                # Nine digits hold every float32.
                score = float(f"{scores[0]:.9g}")
                print(json.dumps({"score": score, "version": prediction.version}))
            sys.stdout.flush()


def _predict(model: Model, rows: Sequence[_Row]) -> Prediction:
    """Scores of all rows. DataError that names the line: the model knows rows of this batch alone."""
    try:
        return model.predict([row.values for row in rows])
    except DataError:
        for row in rows:
            _predict_one(model, row)
        raise


def _predict_one(model: Model, row: _Row) -> None:
    try:
        model.predict([row.values])
    except DataError as error:
        error.where = _place(row.line)
        raise


def _rows(lines: Iterable[str], columns: Collection[str]) -> Iterator[_Row]:
    """`columns` are those that the model reads."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError("a line is not JSON", where=_place(number), got=str(error)) from None
        if not isinstance(row, dict):
            raise DataError("a line is not a JSON object", where=_place(number), got=line.strip()[:60])
        values = cast("dict[str, Any]", row)
        if not any(column in values for column in columns):
            raise _nothing_known(number, values, columns)
        yield _Row(number, values)


def _nothing_known(line: int, values: dict[str, Any], columns: Collection[str]) -> DataError:
    """A row whose every feature would be NULL: a score, but of nothing."""
    guesses = ((name, difflib.get_close_matches(name, columns, 1)) for name in values)
    fix = next((f"did you mean {close[0]!r} by {name!r}?" for name, close in guesses if close), None)
    return DataError(
        "the row has none of the columns that the model reads",
        where=_place(line),
        expected=", ".join(columns),
        got=", ".join(values) or "no column",
        fix=fix or "name at least one of them; its value may be null",
    )


def _place(line: int) -> str:
    return f"stdin, line {line:,}"

"""Tumbling windows over the stream of rows, by count and by event time.

Both are functions of the rows and their order alone. By count, row r (from 0) belongs to window r // size. By event
time, a row belongs to window floor(event time / span), spans counted from 1970-01-01 UTC; the open window closes when a
row of a later one comes, and a row that comes after its own window was closed counts in the open one. So every row
counts exactly once, windows without a row do not appear, and one row with a time far ahead holds its window open until
the others catch up.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, TypedDict, final

import numpy as np
from numpy.typing import NDArray

from dlonflink.evaluation.arrays import Arrays, need, under, within
from dlonflink.evaluation.figures import Figures, Outcome
from dlonflink.features.batch import Times
from dlonflink.settings import milliseconds

KEPT = 1_000
"""Closed windows kept of each size."""

_SHORT = 10
"""An open window with less than a tenth of the rows of the one before is too short to be shown alone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_CLOSED = ("numbers", "rows", "values")
"""Arrays of a snapshot with an entry for each closed window."""


class WindowFigures(TypedDict):
    """One window, JSON-able: an undefined figure is None. `start` is in the window, `end` is not."""

    by: Literal["rows", "event_time"]
    size: int | str  # as the pipeline says it
    start: int | str  # row, or ISO 8601 UTC
    end: int | str
    rows: int
    closed: bool
    metrics: dict[str, float | None]


def iso(ms: int) -> str:
    """Milliseconds UTC as ISO 8601; as `<ms> ms` where the calendar ends (year 1 to 9999)."""
    try:
        text = (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
    except OverflowError:
        return f"{ms} ms"
    return text.replace("+00:00", "Z")


@dataclass(frozen=True)
class _Closed:
    number: int
    rows: int
    values: tuple[float, ...]


@final
class Windows:
    """Windows of one size. Memory: the open window's metrics, and a few numbers for each of the last 1,000 closed."""

    def __init__(self, size: int | str, figures: Figures) -> None:
        """`size`: rows, or a span of event time. `figures`: metrics over no row, taken over."""
        self.size = size
        self._length = size if isinstance(size, int) else milliseconds(size)
        self._by_rows = isinstance(size, int)
        self._figures = figures
        self._names = tuple(figures.values())
        self._number = 0  # of the open window; means nothing while it has no row
        self._rows = 0
        self._closed: deque[_Closed] = deque(maxlen=KEPT)

    def update(self, outcome: Outcome, event_time: Times, first_row: int) -> None:
        """Rows `first_row`, `first_row + 1`, ... of the stream; at least one."""
        numbers = self._numbers(event_time, first_row)
        if numbers[0] == numbers[-1]:  # nearly every batch
            self._add(outcome, int(numbers[0]))
            return
        cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), numbers.size]
        for start, stop in pairwise(cuts):
            self._add(outcome.cut(start, stop), int(numbers[start]))

    def current(self) -> dict[str, float]:
        """Figures of the newest window: the open one, or the last closed one while the open one is short."""
        last = self._closed[-1] if self._closed else None
        if last is not None and self._rows * _SHORT < last.rows:
            return dict(zip(self._names, last.values, strict=True))
        return self._figures.values()

    def report(self) -> list[WindowFigures]:
        """Oldest first; the open one last, if it has a row."""
        closed = [self._describe(one, closed=True) for one in self._closed]
        if not self._rows:
            return closed
        return [*closed, self._describe(self._measure(), closed=False)]

    def snapshot(self) -> dict[str, NDArray[Any]]:
        return {
            "open": np.array([self._number, self._rows], np.int64),
            **under("figures", self._figures.snapshot()),
            "numbers": np.array([one.number for one in self._closed], np.int64),
            "rows": np.array([one.rows for one in self._closed], np.int64),
            "values": np.array([one.values for one in self._closed], np.float64).reshape(-1, len(self._names)),
        }

    def restore(self, arrays: Arrays) -> None:
        """Goes on where the windows that gave `snapshot` were."""
        need(arrays, like=self.snapshot(), place=f"evaluation, windows of {self.size}", together=_CLOSED)
        self._number, self._rows = arrays["open"].tolist()
        self._figures.restore(within("figures", arrays))
        self._closed.clear()
        closed = zip(*(arrays[name].tolist() for name in _CLOSED), strict=True)
        self._closed.extend(_Closed(number, rows, tuple(values)) for number, rows, values in closed)

    def _numbers(self, event_time: Times, first_row: int) -> NDArray[np.int64]:
        """[rows] the window each row counts in; never falls."""
        if self._by_rows:
            return (first_row + np.arange(event_time.size, dtype=np.int64)) // self._length
        numbers = np.maximum.accumulate(event_time // self._length)
        return np.maximum(numbers, self._number) if self._rows else numbers

    def _add(self, outcome: Outcome, number: int) -> None:
        if self._rows and number != self._number:
            self._close()
        self._number = number
        self._rows += outcome.rows
        self._figures.update(outcome)
        if self._by_rows and self._rows == self._length:  # no later row is needed to know
            self._close()

    def _close(self) -> None:
        self._closed.append(self._measure())
        self._figures = self._figures.fresh()
        self._rows = 0

    def _measure(self) -> _Closed:
        return _Closed(self._number, self._rows, tuple(self._figures.values().values()))

    def _describe(self, window: _Closed, *, closed: bool) -> WindowFigures:
        start = window.number * self._length
        # A closed one may lack rows: it began at a restore that knew no window of its size.
        end = start + window.rows if self._by_rows and not closed else start + self._length
        return WindowFigures(
            by="rows" if self._by_rows else "event_time",
            size=self.size,
            start=start if self._by_rows else iso(start),
            end=end if self._by_rows else iso(end),
            rows=window.rows,
            closed=closed,
            metrics={
                name: None if np.isnan(value) else value for name, value in zip(self._names, window.values, strict=True)
            },
        )

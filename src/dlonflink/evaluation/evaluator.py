"""Figures over the whole stream and over its windows, fed with every scored row."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dlonflink.errors import LearnerError
from dlonflink.evaluation.arrays import Arrays, need, under, within
from dlonflink.evaluation.figures import Figures, Outcome
from dlonflink.evaluation.settings import Evaluation
from dlonflink.evaluation.windows import WindowFigures, Windows
from dlonflink.features.batch import Float, Times, Truth


@final
class Evaluator:
    """Totals and windows. Called from the learning thread alone; never blocks.

    Everything it holds is a function of the rows and their order, bit for bit, wherever batches or snapshots are cut.
    """

    def __init__(self, settings: Evaluation, labels: tuple[str, ...]) -> None:
        self._labels = labels
        self._total = Figures(settings.metrics, labels)
        self._windows = [Windows(size, self._total.fresh()) for size in settings.windows]
        self._rows = 0
        self._first_event_time = 0
        self._last_event_time = 0

    @property
    def rows(self) -> int:
        """Rows seen, those of weight 0 included."""
        return self._rows

    @property
    def first_event_time(self) -> int | None:
        """The earliest event time seen, ms UTC; None before the first row."""
        return self._first_event_time if self._rows else None

    @property
    def last_event_time(self) -> int | None:
        """The latest event time seen, ms UTC; None before the first row."""
        return self._last_event_time if self._rows else None

    def update(self, scores: Float, truth: Truth, event_time: Times) -> None:
        """`scores` [n, labels] float32, `event_time` [n] ms UTC.

        Raises LearnerError for a score that is no probability, and has then changed nothing.
        """
        n = event_time.size
        self._check(scores, n)
        if n == 0:
            return
        outcome = Outcome.of(scores, truth.labels, truth.weights)
        self._total.update(outcome)
        for windows in self._windows:
            windows.update(outcome, event_time, self._rows)
        first, last = int(event_time.min()), int(event_time.max())
        self._first_event_time = min(first, self._first_event_time) if self._rows else first
        self._last_event_time = max(last, self._last_event_time) if self._rows else last
        self._rows += n

    def totals(self) -> dict[str, float]:
        """Figures over every row so far; NaN while undefined. One label: plain names (`auc`); several: `label.auc`."""
        return self._total.values()

    def current(self) -> dict[str, float]:
        """Figures of the newest window of the first size declared; the totals where no window is."""
        return self._windows[0].current() if self._windows else self.totals()

    def windows(self) -> list[WindowFigures]:
        """Every window kept, size by size as declared, oldest first, the open one (`closed` false) last."""
        return [window for windows in self._windows for window in windows.report()]

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Copies, by name."""
        arrays = {"seen": np.array([self._rows, self._first_event_time, self._last_event_time], np.int64)}
        arrays |= under("total", self._total.snapshot())
        for windows in self._windows:
            arrays |= under(f"window/{windows.size}", windows.snapshot())
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """Goes on from a snapshot. A window of a size that it does not have begins with the next row; one of a size
        that nobody asks for any more ends. Raises ResumeError when the totals are of other figures than these.
        """
        need(_totals(arrays), like=_totals(self.snapshot()), place="evaluation")
        self._rows, self._first_event_time, self._last_event_time = arrays["seen"].tolist()
        self._total.restore(within("total", arrays))
        for windows in self._windows:
            kept = within(f"window/{windows.size}", arrays)
            if kept:
                windows.restore(kept)

    def _check(self, scores: Float, n: int) -> None:
        if scores.shape != (n, len(self._labels)):
            raise LearnerError(
                "the learner returned scores of another shape than its rows and labels",
                where=f"rows {self._rows + 1:,} to {self._rows + n:,}",
                expected=f"[{n}, {len(self._labels)}]",
                got=str(list(scores.shape)),
                fix="return one score for each row and label from predict and learn",
            )
        if n == 0 or (scores.min() >= 0 and scores.max() <= 1):  # NaN fails both comparisons
            return
        row, label = (int(i) for i in np.argwhere(~((scores >= 0) & (scores <= 1)))[0])
        raise LearnerError(
            "the learner returned a score that is not a probability",
            where=f"row {self._rows + row + 1:,}, label {self._labels[label]!r}",
            expected="0 to 1",
            got=str(scores[row, label]),
            fix="bound what the learner computes; a NaN often comes of a step size that is too large",
        )


def _totals(arrays: Arrays) -> Arrays:
    return {name: array for name, array in arrays.items() if not name.startswith("window/")}

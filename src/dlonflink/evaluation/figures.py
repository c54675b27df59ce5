"""One set of metrics for every label: what a window holds, and what the totals are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dlonflink.evaluation.arrays import Arrays, under, within
from dlonflink.evaluation.metrics import METRICS
from dlonflink.features.batch import Float


@dataclass(frozen=True)
class Outcome:
    """Scored rows with what came true. Arrays are [labels, rows] in C order: a label's rows lie side by side."""

    scores: Float
    labels: Float
    weights: Float

    @classmethod
    def of(cls, scores: Float, labels: Float, weights: Float) -> Outcome:
        """From arrays [rows, labels]. Copies: kernels are then compiled for one layout, writable and contiguous."""
        return cls(*(np.array(array.T, np.float32, order="C") for array in (scores, labels, weights)))

    @property
    def rows(self) -> int:
        return self.scores.shape[1]

    def cut(self, start: int, stop: int) -> Outcome:
        return Outcome(self.scores[:, start:stop], self.labels[:, start:stop], self.weights[:, start:stop])


@final
class Figures:
    """The metrics named, for each of the labels."""

    def __init__(self, metrics: tuple[str, ...], labels: tuple[str, ...]) -> None:
        self._metrics = metrics
        self._labels = labels
        self._parts = {label: [METRICS[name]() for name in metrics] for label in labels}

    def fresh(self) -> Figures:
        """The same metrics, over no row."""
        return Figures(self._metrics, self._labels)

    def update(self, outcome: Outcome) -> None:
        for i, metrics in enumerate(self._parts.values()):
            for metric in metrics:
                metric.update(outcome.scores[i], outcome.labels[i], outcome.weights[i])

    def values(self) -> dict[str, float]:
        """Figures by name; with more than one label, `label.name`. NaN while undefined."""
        several = len(self._labels) > 1
        return {
            f"{label}.{name}" if several else name: value
            for label, metrics in self._parts.items()
            for metric in metrics
            for name, value in metric.values().items()
        }

    def snapshot(self) -> dict[str, NDArray[Any]]:
        return {
            name: array
            for label, metrics in self._parts.items()
            for metric in metrics
            for name, array in under(f"{label}/{metric.name}", metric.snapshot()).items()
        }

    def restore(self, arrays: Arrays) -> None:
        for label, metrics in self._parts.items():
            for metric in metrics:
                metric.restore(within(f"{label}/{metric.name}", arrays))

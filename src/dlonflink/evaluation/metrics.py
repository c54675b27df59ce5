"""The metrics. Sums are float64 and go row by row in compiled loops, so that no cutting of the stream changes a bit.

(pyright takes the base's `merge(other: Self)` to accept any Metric; a metric merges with its own kind.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from dlonflink.evaluation.base import Metric
from dlonflink.features.batch import Float
from dlonflink.kernel import kernel

Sums = NDArray[np.float64]

CLIP = 2.0**-23
"""Scores are clipped to [CLIP, 1 - CLIP] in the log loss: the spacing of float32 at 1, which is also what scikit-learn
clips float32 scores to. One wrong row of full certainty therefore costs -ln(2^-23) = 15.9."""

BUCKETS = 4096
LOGIT_RANGE = 16.0
"""Scores are sorted into equal buckets of logit from -16 (1.1e-7) to 16; what lies outside goes into the outermost."""
_BUCKETS_PER_LOGIT = BUCKETS / (2 * LOGIT_RANGE)


@kernel
def _add_log_loss(scores: Float, labels: Float, weights: Float, sums: Sums) -> None:
    loss = sums[0]
    mass = sums[1]
    for i in range(scores.size):
        weight = np.float64(weights[i])
        if weight == 0.0:
            continue
        score = min(max(np.float64(scores[i]), CLIP), 1.0 - CLIP)
        label = np.float64(labels[i])
        if label == 1.0:  # a label is nearly always 0 or 1: one logarithm instead of two
            loss -= weight * math.log(score)
        elif label == 0.0:
            loss -= weight * math.log(1.0 - score)
        else:
            loss -= weight * (label * math.log(score) + (1.0 - label) * math.log(1.0 - score))
        mass += weight
    sums[0] = loss
    sums[1] = mass


@kernel
def _add_counts(scores: Float, labels: Float, weights: Float, counts: Sums) -> None:
    for i in range(scores.size):
        weight = np.float64(weights[i])
        if weight == 0.0:
            continue
        score = np.float64(scores[i])
        if score <= 0.0:
            bucket = 0
        elif score >= 1.0:
            bucket = BUCKETS - 1
        else:
            place = (math.log(score / (1.0 - score)) + LOGIT_RANGE) * _BUCKETS_PER_LOGIT
            bucket = int(min(max(place, 0.0), BUCKETS - 1.0))
        label = np.float64(labels[i])
        counts[0, bucket] += weight * (1.0 - label)
        counts[1, bucket] += weight * label


@kernel
def _add_calibration(scores: Float, labels: Float, weights: Float, sums: Sums) -> None:
    expected = sums[0]
    observed = sums[1]
    for i in range(scores.size):
        weight = np.float64(weights[i])
        if weight == 0.0:
            continue
        expected += weight * np.float64(scores[i])
        observed += weight * np.float64(labels[i])
    sums[0] = expected
    sums[1] = observed


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else math.nan


class LogLoss(Metric):
    """Weighted mean of -ln(probability given to what came true), of scores clipped by `CLIP`. State: 16 bytes."""

    name: ClassVar[str] = "logloss"

    def __init__(self) -> None:
        self._sums: Sums = np.zeros(2)  # loss, weight

    def update(self, scores: Float, labels: Float, weights: Float) -> None:
        _add_log_loss(scores, labels, weights, self._sums)

    def merge(self, other: Self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._sums += other._sums

    def values(self) -> dict[str, float]:
        return {"logloss": _ratio(self._sums[0], self._sums[1])}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        return {"sums": self._sums.copy()}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._sums[:] = arrays["sums"]


class AUC(Metric):
    """Area under the ROC curve from a histogram of logits, with the exact bound of its error. State: 64 KiB.

    Rows of one bucket count as ties, which is right to within half of each bucket's pairs: the true value lies within
    `auc_bound` = 1/2 sum(pos_i neg_i) / (P N) of `auc`. Counts are float64 sums of weights: exact for weight 1 (up to
    2^53 rows).
    """

    name: ClassVar[str] = "auc"

    def __init__(self) -> None:
        self._counts: Sums = np.zeros((2, BUCKETS))  # negatives, positives

    def update(self, scores: Float, labels: Float, weights: Float) -> None:
        _add_counts(scores, labels, weights, self._counts)

    def merge(self, other: Self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._counts += other._counts

    def values(self) -> dict[str, float]:
        negatives, positives = self._counts
        below = np.cumsum(negatives) - negatives  # negatives with a surely lower score
        pairs = float(negatives.sum() * positives.sum())
        ties = 0.5 * float((positives * negatives).sum())
        surely = float((positives * below).sum())
        return {"auc": _ratio(surely + ties, pairs), "auc_bound": _ratio(ties, pairs)}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        return {"counts": self._counts.copy()}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._counts[:] = arrays["counts"]


class Calibration(Metric):
    """Sum of scores over sum of labels: above 1 the learner promises too much. State: 16 bytes."""

    name: ClassVar[str] = "calibration"

    def __init__(self) -> None:
        self._sums: Sums = np.zeros(2)  # scores, labels

    def update(self, scores: Float, labels: Float, weights: Float) -> None:
        _add_calibration(scores, labels, weights, self._sums)

    def merge(self, other: Self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._sums += other._sums

    def values(self) -> dict[str, float]:
        return {"calibration": _ratio(self._sums[0], self._sums[1])}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        return {"sums": self._sums.copy()}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._sums[:] = arrays["sums"]


METRICS: Mapping[str, type[LogLoss | AUC | Calibration]] = {
    metric.name: metric for metric in (LogLoss, AUC, Calibration)
}
"""By the name that `evaluation.metrics` selects it with."""

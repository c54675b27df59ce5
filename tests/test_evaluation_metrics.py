"""Metrics against scikit-learn, and the laws of their contract."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss, roc_auc_score

from dlonflink.evaluation.base import Metric
from dlonflink.evaluation.metrics import AUC, METRICS, Calibration, LogLoss

KINDS = pytest.mark.parametrize("kind", METRICS.values(), ids=METRICS.keys())


def scored(n: int, seed: int, spread: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = (1 / (1 + np.exp(-spread * rng.standard_normal(n)))).astype(np.float32)
    labels = (rng.random(n) < scores).astype(np.float32)
    return scores, labels, np.ones(n, np.float32)


def measured(kind: type[Metric], *rows: np.ndarray) -> Metric:
    metric = kind()
    metric.update(*rows)
    return metric


@st.composite
def rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(0, 40))
    scores = draw(arrays.arrays(np.float32, n, elements=st.floats(0, 1, width=32)))
    labels = draw(arrays.arrays(np.float32, n, elements=st.sampled_from([0, 1])))
    weights = draw(arrays.arrays(np.float32, n, elements=st.sampled_from([0, 0.25, 1, 3])))
    return scores, labels, weights


def same(one: Metric, other: Metric) -> None:
    for name, array in one.snapshot().items():
        assert_array_equal(array, other.snapshot()[name], strict=True)


@pytest.mark.parametrize("spread", [0.1, 2.0, 30.0])
def test_log_loss_is_scikit_learns(spread: float) -> None:
    scores, labels, ones = scored(20_000, seed=1, spread=spread)
    if spread == 30.0:
        assert scores.min() < 1e-20  # clipping takes part
        assert scores.max() == 1
    ours = measured(LogLoss, scores, labels, ones).values()["logloss"]
    assert_allclose(ours, log_loss(labels, scores), rtol=1e-6)  # scikit-learn computes in float32
    exact = scores.astype(np.float64).clip(2**-23, 1 - 2**-23)
    assert_allclose(ours, log_loss(labels, exact), rtol=1e-12)


def test_weighted_log_loss_is_scikit_learns() -> None:
    scores, labels, _ = scored(5_000, seed=2)
    weights = np.random.default_rng(2).integers(0, 4, 5_000).astype(np.float32)
    ours = measured(LogLoss, scores, labels, weights).values()["logloss"]
    assert_allclose(ours, log_loss(labels, scores.astype(np.float64), sample_weight=weights), rtol=1e-12)


@pytest.mark.parametrize("spread", [0.001, 0.3, 2.0, 30.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_auc_lies_within_its_bound_of_scikit_learns(spread: float, weighted: bool) -> None:
    scores, labels, weights = scored(20_000, seed=3, spread=spread)
    if weighted:
        weights = np.random.default_rng(3).integers(0, 4, weights.size).astype(np.float32)
    ours = measured(AUC, scores, labels, weights).values()
    exact = roc_auc_score(labels, scores.astype(np.float64), sample_weight=weights)
    assert abs(ours["auc"] - exact) <= ours["auc_bound"] + 1e-12
    if spread == 2.0:
        assert ours["auc_bound"] < 1e-3
        assert abs(ours["auc"] - exact) < 5e-5


@given(rows())
def test_auc_lies_within_its_bound_on_any_rows(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, labels, weights = data
    ours = measured(AUC, *data).values()
    used = weights > 0
    if len(set(labels[used])) < 2:
        assert math.isnan(ours["auc"])
        assert math.isnan(ours["auc_bound"])
    else:
        exact = roc_auc_score(labels[used], scores[used], sample_weight=weights[used])
        assert abs(ours["auc"] - exact) <= ours["auc_bound"] + 1e-12


def test_extreme_scores_fall_into_the_outermost_buckets() -> None:
    scores = np.array([0, 1e-45, 1e-8, 1 - 2**-24, 1], np.float32)
    counts = measured(AUC, scores, np.ones(5, np.float32), np.ones(5, np.float32)).snapshot()["counts"]
    assert counts[1, 0] == 3
    assert counts[1, -1] == 2


def test_calibration_is_promised_over_seen() -> None:
    metric = measured(Calibration, *(np.array(a, np.float32) for a in ([0.5, 0.25, 1.0], [1, 0, 1], [2, 4, 0])))
    assert metric.values() == {"calibration": (2 * 0.5 + 4 * 0.25) / 2}


@KINDS
def test_figures_are_nan_while_undefined(kind: type[Metric]) -> None:
    empty = np.zeros(0, np.float32)
    assert all(math.isnan(value) for value in measured(kind, empty, empty, empty).values().values())
    one = np.full(1, 0.5, np.float32)
    assert all(math.isnan(value) for value in measured(kind, one, one, 0 * one).values().values())


@KINDS
@given(data=rows(), cut=st.integers(0, 40))
def test_cutting_the_stream_changes_no_bit(
    kind: type[Metric], data: tuple[np.ndarray, np.ndarray, np.ndarray], cut: int
) -> None:
    metric = kind()
    metric.update(*(array[:cut] for array in data))
    metric.update(*(array[cut:] for array in data))
    same(metric, measured(kind, *data))


@KINDS
@given(data=rows())
def test_rows_of_weight_zero_are_left_out(kind: type[Metric], data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, labels, weights = data
    unknown = np.where(weights == 0, np.float32(np.nan), labels)  # a row that does not carry the label
    same(measured(kind, scores, unknown, weights), measured(kind, *(array[weights > 0] for array in data)))


@KINDS
@given(a=rows(), b=rows(), c=rows())
def test_merge_laws(kind: type[Metric], a: tuple, b: tuple, c: tuple) -> None:
    left, right, flipped, whole = (measured(kind, *a), measured(kind, *b), measured(kind, *b), measured(kind, *a))
    left.merge(right)
    flipped.merge(measured(kind, *a))
    same(left, flipped)  # commutative to the bit: one addition

    left.merge(measured(kind, *c))
    right.merge(measured(kind, *c))
    whole.merge(right)
    for name, array in left.snapshot().items():
        assert_allclose(array, whole.snapshot()[name], rtol=1e-14)  # associative up to the order of float additions

    at_once = measured(kind, *(np.concatenate(parts) for parts in zip(a, b, c, strict=True)))
    for name, value in at_once.values().items():
        assert_allclose(left.values()[name], value, rtol=1e-12)


@KINDS
@given(before=rows(), after=rows())
def test_restore_goes_on_without_a_seam(kind: type[Metric], before: tuple, after: tuple) -> None:
    whole = measured(kind, *before)
    resumed = kind()
    snapshot = whole.snapshot()
    resumed.restore(snapshot)
    whole.update(*after)
    resumed.update(*after)
    same(whole, resumed)
    same(measured(kind, *before), kind_of(kind, snapshot))  # the snapshot is a copy


def kind_of(kind: type[Metric], snapshot: dict[str, np.ndarray]) -> Metric:
    metric = kind()
    metric.restore(snapshot)
    return metric

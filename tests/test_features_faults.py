"""Rows that no learner may see: which, why, and in which words."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from dlonflink.errors import SchemaError
from dlonflink.features.columns import Dense, Features, Hashed, Label
from dlonflink.features.faults import feature_faults, label_faults, time_fault


@pytest.mark.parametrize(
    ("values", "type_", "bad"),
    [
        ([0, 1, 2, None, -1], pa.int32(), [2, 3, 4]),
        ([0.0, 1.0, 0.5, float("nan")], pa.float64(), [2, 3]),
        ([True, None, False], pa.bool_(), [1]),
    ],
)
def test_labels(values, type_, bad):
    batch = pa.record_batch([pa.array(values, type_)], ["late"])
    (fault,) = label_faults(batch, Label(column="late"))
    assert fault.reason == "label"
    assert np.flatnonzero(fault.rows).tolist() == bad


@pytest.mark.parametrize(("value", "said"), [(2, "2"), (None, "NULL"), (-1, "-1")])
def test_a_label_in_words(value, said):
    batch = pa.record_batch([pa.array([0, value], pa.int32())], ["late"])
    (fault,) = label_faults(batch, Label(column="late"))
    assert f"holds {said}" in fault.error(1).what


def test_weights():
    batch = pa.record_batch([pa.array([1] * 5), pa.array([0.0, -1.0, None, float("inf"), float("nan")])], ["late", "w"])
    _, fault = label_faults(batch, Label(column="late", weight="w"))
    assert fault.reason == "weight"
    assert np.flatnonzero(fault.rows).tolist() == [1, 3, 4]
    assert "weight column 'w' holds -1" in fault.error(1).what


def test_times():
    days = pa.array([dt.date(2013, 1, 1), None], pa.date32())
    fault = time_fault(pa.record_batch([days], ["day"]), "day")
    assert fault.reason == "event-time"
    assert fault.rows.tolist() == [False, True]
    assert "is the event time and NULL" in fault.error(1).what
    # Microseconds where milliseconds are due; and what is left of 9999.
    millis = pa.array([1_700_000_000_000, 1_700_000_000_000_000, 253_402_300_799_999, None], pa.int64())
    fault = time_fault(pa.record_batch([millis], ["ts"]), "ts")
    assert fault.rows.tolist() == [False, True, False, True]
    assert "outside the calendar" in fault.error(1).what


def test_an_event_time_must_be_one():
    with pytest.raises(SchemaError, match="'x' cannot be the event time"):
        time_fault(pa.record_batch([pa.array(["a"])], ["x"]), "x")


def test_dense_numbers():
    batch = pa.record_batch([pa.array([1.0, float("inf"), None, float("nan"), 1e300])], ["p"])
    (plain,) = feature_faults(batch, Features(dense=("p",)))
    assert plain.reason == "infinite"
    assert np.flatnonzero(plain.rows).tolist() == [1, 4]
    (log,) = feature_faults(batch, Features(dense=(Dense(column="p", transform="log1p"),)))
    assert np.flatnonzero(log.rows).tolist() == [1]


def test_long_lists():
    batch = pa.record_batch([pa.array([[1], None, [1, 2, 3], []], pa.list_(pa.int64()))], ["l"])
    (fault,) = feature_faults(batch, Features(hashed=(Hashed(column="l", max_length=2),)))
    assert fault.reason == "too-long"
    assert np.flatnonzero(fault.rows).tolist() == [2]
    assert fault.error(2).got == "3"
    assert list(feature_faults(batch, Features(hashed=("l",)))) == []

"""Totals and windows: where windows are cut, and that nothing depends on where batches or snapshots are."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.metrics import log_loss

from dlonflink.errors import LearnerError, ResumeError
from dlonflink.evaluation.evaluator import Evaluator
from dlonflink.evaluation.settings import Evaluation
from dlonflink.features.batch import Truth

HOUR = 3_600_000


@dataclass
class Stream:
    scores: np.ndarray  # [n, labels]
    truth: Truth
    event_time: np.ndarray  # [n]

    @classmethod
    def random(cls, n: int, labels: int = 1, seed: int = 0) -> Stream:
        rng = np.random.default_rng(seed)
        scores = rng.random((n, labels), np.float32)
        truth = Truth((rng.random((n, labels)) < scores).astype(np.float32), np.ones((n, labels), np.float32))
        # Mostly rising, some rows late by hours: 20 min a row, two hours of disorder.
        event_time = np.arange(n) * (HOUR // 3) - rng.integers(0, 2 * HOUR, n)
        return cls(scores, truth, event_time.astype(np.int64))

    def cut(self, start: int, stop: int) -> Stream:
        part = slice(start, stop)
        return Stream(
            self.scores[part], Truth(self.truth.labels[part], self.truth.weights[part]), self.event_time[part]
        )

    def feed(self, evaluator: Evaluator, cuts: tuple[int, ...] = ()) -> Evaluator:
        ends = [*sorted(cut for cut in cuts if cut < len(self.event_time)), len(self.event_time)]
        for start, stop in zip([0, *ends], ends, strict=False):
            part = self.cut(start, stop)
            evaluator.update(part.scores, part.truth, part.event_time)
        return evaluator


def evaluator(*windows: int | str, labels: tuple[str, ...] = ("late",)) -> Evaluator:
    return Evaluator(Evaluation(windows=windows), labels)


def same(one: Evaluator, other: Evaluator) -> None:
    mine, its = one.snapshot(), other.snapshot()
    assert mine.keys() == its.keys()
    for name, array in mine.items():
        assert_array_equal(array, its[name], strict=True)
    assert one.windows() == other.windows()


def test_totals_have_plain_names_for_one_label() -> None:
    stream = Stream.random(1_000)
    totals = stream.feed(evaluator(100)).totals()
    assert list(totals) == ["logloss", "auc", "auc_bound", "calibration"]
    assert totals["logloss"] == pytest.approx(log_loss(stream.truth.labels[:, 0], stream.scores[:, 0].astype(float)))


def test_several_labels_are_measured_apart() -> None:
    stream = Stream.random(500, labels=2)
    both = stream.feed(evaluator(100, labels=("click", "buy")))
    for i, label in enumerate(("click", "buy")):
        column = slice(i, i + 1)
        truth = Truth(stream.truth.labels[:, column], stream.truth.weights[:, column])
        alone = Stream(stream.scores[:, column], truth, stream.event_time).feed(evaluator(100))
        assert {name: both.totals()[f"{label}.{name}"] for name in alone.totals()} == alone.totals()
        last = both.windows()[-1]["metrics"]
        assert {name: last[f"{label}.{name}"] for name in alone.totals()} == alone.windows()[-1]["metrics"]


def test_only_the_metrics_asked_for() -> None:
    chosen = Evaluator(Evaluation(metrics=("calibration",), windows=()), ("late",))
    assert Stream.random(10).feed(chosen).totals().keys() == {"calibration"}
    assert chosen.windows() == []
    assert chosen.current() == chosen.totals()


def test_row_windows_are_cut_at_the_count_inside_a_batch() -> None:
    stream = Stream.random(250)
    windows = stream.feed(evaluator(100)).windows()
    assert [(w["start"], w["end"], w["rows"], w["closed"]) for w in windows] == [
        (0, 100, 100, True),
        (100, 200, 100, True),
        (200, 250, 50, False),
    ]
    for window in windows:
        alone = stream.cut(int(window["start"]), int(window["end"])).feed(evaluator())
        assert window["metrics"] == alone.totals()
        assert (window["by"], window["size"]) == ("rows", 100)


def test_a_full_row_window_closes_without_a_later_row() -> None:
    (window,) = Stream.random(100).feed(evaluator(100)).windows()
    assert window["closed"]


def test_event_time_windows_close_when_a_row_of_a_later_one_comes() -> None:
    stream = Stream.random(8)
    #                                   1h       late     late, closed        skips 3 and 4
    hours = [0.0, 0.9, 0.1, 1.0, 1.5, 1.2, 0.5, 5.99]
    stream.event_time[:] = [int(hour * HOUR) for hour in hours]
    stream.truth.labels[:, 0] = [0, 1] * 4
    windows = stream.feed(evaluator("1 h")).windows()
    assert [(w["start"], w["end"], w["rows"], w["closed"]) for w in windows] == [
        ("1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z", 3, True),
        ("1970-01-01T01:00:00Z", "1970-01-01T02:00:00Z", 4, True),
        ("1970-01-01T05:00:00Z", "1970-01-01T06:00:00Z", 1, False),
    ]
    assert windows[0]["by"] == "event_time"
    assert windows[0]["size"] == "1 h"
    assert windows[1]["metrics"] == stream.cut(3, 7).feed(evaluator()).totals()


def test_event_times_before_1970_and_beyond_the_calendar() -> None:
    stream = Stream.random(2)
    stream.event_time[:] = [-1, 2**62]
    first, last = stream.feed(evaluator("500 ms")).windows()
    assert (first["start"], first["end"]) == ("1969-12-31T23:59:59.500Z", "1970-01-01T00:00:00Z")
    assert str(last["start"]).endswith(" ms")


def test_windows_are_json_and_undefined_figures_null() -> None:
    stream = Stream.random(5)
    stream.truth.labels[:] = 0
    report = stream.feed(evaluator(3, "1 h")).windows()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report[0]["metrics"]["auc"] is None
    assert math.isnan(evaluator().totals()["auc"])


def test_current_shows_the_last_closed_window_while_the_open_one_is_short() -> None:
    stream = Stream.random(250)
    running = evaluator(100)
    stream.cut(0, 50).feed(running)
    assert running.current() == stream.cut(0, 50).feed(evaluator()).totals()
    stream.cut(50, 109).feed(running)
    assert running.current() == stream.cut(0, 100).feed(evaluator()).totals()
    stream.cut(109, 110).feed(running)
    assert running.current() == stream.cut(100, 110).feed(evaluator()).totals()


def test_the_last_thousand_closed_windows_are_kept() -> None:
    windows = Stream.random(1_205).feed(evaluator(1)).windows()
    assert len(windows) == 1_000
    assert (windows[0]["start"], windows[-1]["start"]) == (205, 1_204)


def test_event_time_range() -> None:
    running = evaluator()
    assert (running.rows, running.first_event_time, running.last_event_time) == (0, None, None)
    stream = Stream.random(50, seed=4)
    stream.feed(running, cuts=(10, 30))
    expected = (50, stream.event_time.min(), stream.event_time.max())
    assert (running.rows, running.first_event_time, running.last_event_time) == expected


cuts = st.lists(st.integers(0, 400), max_size=8).map(tuple)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), cuts=cuts, labels=st.integers(1, 2))
def test_cutting_the_stream_changes_no_bit(seed: int, cuts: tuple[int, ...], labels: int) -> None:
    stream = Stream.random(400, labels=labels, seed=seed)
    names = ("a", "b")[:labels]
    whole = stream.feed(evaluator(70, "1 h", "1 d", labels=names))
    same(stream.feed(evaluator(70, "1 h", "1 d", labels=names), cuts), whole)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 400))
def test_restore_goes_on_without_a_seam(seed: int, cut: int) -> None:
    stream = Stream.random(400, seed=seed)
    before, after = stream.cut(0, cut), stream.cut(cut, 400)
    whole = before.feed(evaluator(70, "1 h"))
    resumed = evaluator(70, "1 h")
    resumed.restore(whole.snapshot())
    same(after.feed(resumed), after.feed(whole))
    assert resumed.last_event_time == whole.last_event_time


def test_a_snapshot_of_other_figures_is_refused() -> None:
    with pytest.raises(ResumeError, match="other figures") as caught:
        Evaluator(Evaluation(metrics=("auc",)), ("late",)).restore(evaluator(100).snapshot())
    assert "total/late/" in (caught.value.got or "")


def test_windows_of_other_sizes_begin_at_the_restore() -> None:
    stream = Stream.random(300)
    before, after = stream.cut(0, 130), stream.cut(130, 300)
    one, whole = evaluator(70, 100), stream.feed(evaluator(100))
    one.restore(before.feed(evaluator(100, 90)).snapshot())
    windows = after.feed(one).windows()
    assert [w for w in windows if w["size"] == 100] == whole.windows()
    assert [(w["start"], w["end"], w["rows"], w["closed"]) for w in windows if w["size"] == 70] == [
        (70, 140, 10, True), (140, 210, 70, True), (210, 280, 70, True), (280, 300, 20, False),
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.01, 1.01])
def test_a_score_that_is_no_probability_is_the_learners_error(bad: float) -> None:
    running = Stream.random(10).feed(evaluator(100))
    before = running.snapshot()
    stream = Stream.random(5)
    stream.scores[3, 0] = bad
    with pytest.raises(LearnerError, match="not a probability") as caught:
        stream.feed(running)
    assert caught.value.where == "row 14, label 'late'"
    for name, array in running.snapshot().items():
        assert_array_equal(array, before[name])


def test_scores_of_another_shape_are_the_learners_error() -> None:
    stream = Stream.random(5)
    with pytest.raises(LearnerError, match="shape") as caught:
        evaluator().update(stream.scores[:, 0], stream.truth, stream.event_time)
    assert (caught.value.expected, caught.value.got) == ("[5, 1]", "[5]")

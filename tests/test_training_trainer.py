"""The trainer: its result depends on the rows and their order alone, and its failures name the place."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clicks
from dlonflink.errors import DataError, LearnerError, PipelineError, SchemaError
from dlonflink.training.scored import scored_schema
from dlonflink.training.trainer import Trainer

COUNT = 500
LEARNERS = {"logistic": clicks.LOGISTIC, "fm": clicks.FM, "batched": clicks.PERCEPTRON}


def trainer(learner: dict[str, Any], **changes: Any) -> Trainer:
    return Trainer(clicks.plan(learner, **changes), clicks.SCHEMA, run="run-1", attempt=0)


def result(trained: Trainer, scored: list[pa.RecordBatch]) -> tuple[Any, ...]:
    report = json.dumps(trained.final_report(), allow_nan=False)
    return report, pa.Table.from_batches(scored, scored_schema(clicks.plan(clicks.LOGISTIC), clicks.SCHEMA))


@pytest.fixture(scope="module", params=LEARNERS)
def whole(request: pytest.FixtureRequest) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """A learner, and what the stream in one piece makes of it."""
    learner = LEARNERS[request.param]
    one = trainer(learner)
    scored = one.feed(clicks.rows(COUNT), 0.0) + one.finish()
    return learner, result(one, scored)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.tuples(st.integers(0, COUNT), st.booleans()), max_size=8))
def test_cuts_and_restores_do_not_change_a_bit(
    whole: tuple[dict[str, Any], tuple[Any, ...]], cuts: list[tuple[int, bool]]
) -> None:
    learner, (report, table) = whole
    one, scored, done = trainer(learner), [], 0
    for cut, restore in sorted(cuts):
        scored += one.feed(clicks.rows(COUNT).slice(done, cut - done), math.nan)
        done = cut
        if restore:
            data = b"".join(one.copy(3).chunks(size=1000))
            one = trainer(learner)
            restored = one.restore(data)
            assert (restored.run, restored.checkpoint) == ("run-1", 3)
    scored += one.feed(clicks.rows(COUNT).slice(done), math.nan) + one.finish()
    again, scored_again = result(one, scored)
    assert again == report
    assert scored_again.combine_chunks().equals(table.combine_chunks())


def test_scored_rows_and_report(whole: tuple[dict[str, Any], tuple[Any, ...]]) -> None:
    _, (text, table) = whole
    report = json.loads(text)
    assert report["rows"] == table.num_rows == COUNT
    assert table.column_names == ["id", "label", "score", "version", "run", "attempt"]
    assert table.column("id").to_pylist() == list(range(COUNT))
    assert table.column("label").to_pylist() == clicks.rows(COUNT).column("click").to_pylist()
    assert set(table.column("run").to_pylist()) == {"run-1"}
    assert table.column("version").null_count == COUNT
    score = table.column("score").to_numpy().astype(np.float64)
    label = table.column("label").to_numpy()
    logloss = -np.mean(np.where(label == 1, np.log(score), np.log(1 - score)))
    assert report["metrics"]["logloss"] == pytest.approx(logloss, rel=1e-6)
    assert report["metrics"]["auc"] > 0.6
    assert report["event_time"] == "2023-11-14T22:21:39Z"
    assert len(report["windows"]) == 5 + 3
    assert report["table_rows"] > 0
    assert len(report["state_digest"]) == 64


def test_the_copy_is_a_copy() -> None:
    one = trainer(clicks.PERCEPTRON)
    one.feed(clicks.rows(100), 0.0)
    copy = one.copy(1)
    before = b"".join(copy.chunks())
    one.feed(clicks.rows(200), 0.0)
    assert b"".join(copy.chunks(size=77)) == before
    assert one.state_digest() != trainer(clicks.PERCEPTRON).state_digest()


def test_nothing_is_reported_as_null_before_the_first_row() -> None:
    report = trainer(clicks.LOGISTIC).report()
    assert report["rows"] == 0
    assert report["metrics"]["auc"] is None
    assert report["event_time"] is None
    json.dumps(report, allow_nan=False)


def test_a_slow_stream_is_learned_when_it_has_waited() -> None:
    one = trainer(clicks.PERCEPTRON | {"max_wait": "100 ms"}, deterministic=False)
    assert one.feed(clicks.rows(10), 5.0) == []
    assert one.held == 10
    assert one.due() == pytest.approx(5.1)
    assert one.tick(5.0) == []
    assert [batch.num_rows for batch in one.tick(5.2)] == [10]
    assert (one.rows, one.held, one.due()) == (10, 0, None)


def test_rows_that_are_not_asked_for_are_not_made() -> None:
    assert trainer(clicks.LOGISTIC, scored=False).feed(clicks.rows(10), 0.0) == []


def test_a_raising_learner_is_named_with_its_rows() -> None:
    learner = {"type": ":Raising", "batch": 16, "at": 40}
    one = trainer(learner)
    one.feed(clicks.rows(20), 0.0)
    data = b"".join(one.copy(1).chunks())
    one = trainer(learner)
    one.restore(data)
    with pytest.raises(LearnerError, match="the learner raised ValueError: no more rows, please") as caught:
        one.feed(clicks.rows(60).slice(20), 0.0)
    assert caught.value.where is not None
    assert caught.value.where.endswith("batched_learners.py:Raising, rows 33 to 48 (the first: id=32)")
    assert "in learn" in str(caught.value.trace)


@pytest.mark.parametrize("kind", ["nan", "inf", "flat", "double", "none"])
def test_scores_that_are_none_are_refused(kind: str) -> None:
    with pytest.raises(LearnerError):
        trainer({"type": ":Wrong", "batch": 16, "kind": kind}).feed(clicks.rows(16), 0.0)


def test_state_that_no_snapshot_holds_is_refused() -> None:
    with pytest.raises(LearnerError, match="names"):
        trainer({"type": ":Wrong", "batch": 16, "kind": "names"}).copy(1)


def test_a_bad_label_names_its_row() -> None:
    one = trainer(clicks.LOGISTIC)
    one.feed(clicks.rows(30), 0.0)
    bad = clicks.rows(32).slice(30)
    bad = pa.record_batch([*bad.columns[:-1], pa.array([1, 2], pa.int32())], schema=clicks.SCHEMA)
    with pytest.raises(DataError, match="click") as caught:
        one.feed(bad, 0.0)
    assert "31" in str(caught.value.where)


def test_a_missing_column_is_found_at_the_start() -> None:
    with pytest.raises(SchemaError, match="clik"):
        trainer(clicks.LOGISTIC, labels=[{"column": "clik"}])
    with pytest.raises(SchemaError, match="idd"):
        trainer(clicks.LOGISTIC, key=["idd"])


def test_a_key_may_not_hide_a_scored_column() -> None:
    schema = pa.schema([*clicks.SCHEMA, ("score", pa.float32())])
    with pytest.raises(PipelineError, match="'score'"):
        Trainer(clicks.plan(clicks.LOGISTIC, key=["score"]), schema, run="r", attempt=0)

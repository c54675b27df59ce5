"""What the worker refuses: REJECT frames in the order of the stream, the same rows after a restore."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

import clicks
from dlonflink.errors import DataError, TooManyRejects
from dlonflink.testing.peer import Peer
from dlonflink.training.trainer import Trainer
from dlonflink.worker.texts import decode

REJECTS = {"max_share": 0.5, "over": 50, "to": "somewhere"}


def bad_rows(count: int) -> pa.RecordBatch:
    """Every tenth row has no label."""
    batch = clicks.rows(count)
    labels = [None if i % 10 == 3 else label for i, label in enumerate(batch.column("click").to_pylist())]
    return batch.set_column(5, "click", pa.array(labels, pa.int32()))


def trained(rows: pa.RecordBatch, cuts: list[int], **changes: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Report and rejects of a stream that is cut, and restored at each cut."""
    plan = clicks.plan(clicks.PERCEPTRON, **changes)
    trainer, rejects, begin = Trainer(plan, clicks.SCHEMA, run="r", attempt=0), list[dict[str, Any]](), 0
    for end in [*cuts, rows.num_rows]:
        trainer.feed(rows.slice(begin, end - begin), 0.0)
        taken = trainer.rejects()
        rejects += taken.to_pylist() if taken else []
        begin = end
        data = b"".join(trainer.copy(1).chunks())
        trainer = Trainer(plan, clicks.SCHEMA, run="r", attempt=0)
        trainer.restore(data)
    trainer.finish()
    return trainer.final_report(), rejects


def test_rejects_are_the_same_wherever_the_stream_is_cut_and_restored() -> None:
    whole, rejects = trained(bad_rows(200), [], rejects=REJECTS)
    assert [row["place"] for row in rejects] == [f"row {i + 1} (key id={i})" for i in range(3, 200, 10)]
    assert {row["reason"] for row in rejects} == {"label"}
    assert json.loads(rejects[0]["bytes"])["id"] == 3
    assert trained(bad_rows(200), [1, 4, 77, 78, 150], rejects=REJECTS) == (whole, rejects)
    assert whole["rejected"] == 20
    good = pa.array([i % 10 != 3 for i in range(200)])
    alone, _ = trained(bad_rows(200).filter(good), [])
    assert alone["state_digest"] == whole["state_digest"]


def test_without_rejects_the_first_bad_row_ends_the_run() -> None:
    with pytest.raises(DataError, match="label column 'click' holds NULL") as caught:
        trained(bad_rows(200), [])
    assert caught.value.where == "row 4 (key id=3)"


def test_too_many() -> None:
    with pytest.raises(TooManyRejects, match="6 of 54 rows are bad") as caught:
        trained(bad_rows(200), [10, 52], rejects={**REJECTS, "max_share": 0.1})
    assert caught.value.where == "row 54 (key id=53)"
    assert "somewhere" in str(caught.value.fix)


def test_a_conversation() -> None:
    plan = clicks.plan(clicks.LOGISTIC, scored=False, rejects=REJECTS)
    with Peer(plan, clicks.SCHEMA) as first:
        first.greet()
        first.feed(bad_rows(200).slice(0, 50))
        first.align(1)
        # Before ALIGNED: they belong to the checkpoint.
        assert [row["place"] for one in first.rejects for row in one.to_pylist()][-1] == "row 44 (key id=43)"
        snapshot = first.snapshot(1)
    with Peer(plan, clicks.SCHEMA, attempt=1) as second:
        second.greet(snapshot)
        second.feed(bad_rows(200).slice(50))
        _, report = second.end()
        rejects = [row for one in second.rejects for row in one.to_pylist()]
        assert [rejects[0]["place"], rejects[0]["attempt"]] == ["row 54 (key id=53)", 1]
        assert report["rejected"] == 20
        assert report["rows"] == 180


def unreadable(schema: pa.Schema, column: int, values: list[Any], rows: pa.RecordBatch) -> pa.RecordBatch:
    """`rows` with bytes where the schema says STRING."""
    kind = {"site": pa.binary(), "tags": pa.list_(pa.binary())}[schema.field(column).name]
    return rows.set_column(column, schema.field(column).name, pa.array(values, kind))


def test_text_that_is_not_utf8() -> None:
    site = [b"a", b"\xff", None, "\u00e9".encode(), b"\xc3"]
    batch = unreadable(clicks.SCHEMA, 2, site, clicks.rows(5))
    received = decode(batch.serialize(), clicks.SCHEMA)
    assert received.unreadable == {1: "site", 4: "site"}
    assert received.batch.column("site").to_pylist() == ["a", "\ufffd", None, "\u00e9", "\ufffd"]
    trainer = Trainer(clicks.plan(clicks.LOGISTIC, rejects=REJECTS), clicks.SCHEMA, run="r", attempt=0)
    trainer.feed(received.batch, 0.0, received.unreadable)
    rejects = trainer.rejects()
    assert rejects is not None
    assert rejects.column("reason").to_pylist() == ["utf-8", "utf-8"]
    assert trainer.rows == 3
    trainer = Trainer(clicks.plan(clicks.LOGISTIC), clicks.SCHEMA, run="r", attempt=0)
    with pytest.raises(DataError, match="column 'site' holds a text that is not UTF-8") as caught:
        trainer.feed(received.batch, 0.0, received.unreadable)
    assert caught.value.where == "row 2 (key id=1)"


def test_text_that_is_not_utf8_within_lists() -> None:
    schema = pa.schema([("id", pa.int64()), ("tags", pa.list_(pa.string()))])
    tags = [[b"a"], [b"\xff", b"b"], None, [], [b"a", b"\xff"]]
    ids = pa.record_batch([pa.array(range(5)), pa.nulls(5)], ["id", "tags"])
    received = decode(unreadable(schema, 1, tags, ids).serialize(), schema)
    assert received.unreadable == {1: "tags", 4: "tags"}
    assert received.batch.column("tags").to_pylist() == [["a"], None, None, [], None]

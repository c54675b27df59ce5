"""Which checkpoints become versions, and what a failing store costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clicks
from dlonflink.errors import FencedError, StoreError
from dlonflink.store.settings import Export
from dlonflink.store.store import Store
from dlonflink.training.export import Exporter
from dlonflink.training.state import Copy, Restored
from dlonflink.training.trainer import Trainer

FULL = "store.write=ENOSPC"
NOBODY = np.zeros(2, np.int64)
"""No row was judged."""


def taken(to: Path, checkpoint: int, *, run: str = "run-1", rows: int = 100, attempt: int = 0) -> Copy:
    plan = clicks.plan(clicks.LOGISTIC, export={"to": str(to)})
    trainer = Trainer(plan, clicks.SCHEMA, run=run, attempt=attempt)
    trainer.feed(clicks.rows(rows), 0.0)
    return trainer.copy(checkpoint)


def exporter(to: Path, *, run: str = "run-1", attempt: int = 0, **changes: Any) -> Exporter:
    return Exporter(Export(to=str(to), **changes), run=run, attempt=attempt)


def published(to: Path) -> list[tuple[str, int, int]]:
    """Oldest first: run, checkpoint, rows."""
    versions = reversed(Store(str(to)).versions())
    return [(one.origin.run, one.origin.checkpoint, one.origin.rows) for one in versions]


def test_each_checkpoint_is_a_version(tmp_path: Path) -> None:
    one = exporter(tmp_path)
    assert one.newest is None
    assert one.commit(taken(tmp_path, 1), 1, last=False, now=0.0).version == 1
    assert one.commit(taken(tmp_path, 2, rows=200), 2, last=False, now=0.1).version == 2
    assert one.newest == 2
    assert published(tmp_path) == [("run-1", 1, 100), ("run-1", 2, 200)]


def test_the_version_holds_what_serving_needs(tmp_path: Path) -> None:
    exporter(tmp_path).commit(taken(tmp_path, 1), 1, last=False, now=0.0)
    store = Store(str(tmp_path))
    current = store.current()
    assert current is not None
    contents = store.read(current)
    assert contents.weights
    assert contents.table["ids"].size > 0
    origin = contents.manifest.origin
    assert (origin.name, origin.attempt, origin.rows) == ("clicks", 0, 100)
    assert origin.event_time == (1_700_000_000_000, 1_700_000_099_000)
    assert contents.manifest.model.features.features == clicks.plan(clicks.LOGISTIC).features
    assert origin.metrics["auc"] is not None


def test_every_spaces_the_versions_but_not_the_last(tmp_path: Path) -> None:
    one = exporter(tmp_path, every="10 s")
    outcomes = [
        one.commit(taken(tmp_path, n), n, last=False, now=now).outcome for n, now in ((1, 5.0), (2, 14.9), (3, 15))
    ]
    assert outcomes == ["published", "skipped", "published"]
    final = taken(tmp_path, -1)
    assert one.commit(final, 4, last=True, now=15.1).outcome == "published"
    again = one.commit(final, 5, last=True, now=30.0)
    assert (again.outcome, again.version) == ("skipped", 3)
    assert [checkpoint for _, checkpoint, _ in published(tmp_path)] == [1, 3, 4]


def test_a_full_disk_costs_a_version_and_at_the_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = exporter(tmp_path)
    copy = taken(tmp_path, 1)
    monkeypatch.setenv("DLONFLINK_FAILPOINTS", FULL)
    skipped = one.commit(copy, 1, last=False, now=0.0)
    assert (skipped.outcome, skipped.version) == ("skipped", None)
    assert "the disk is full" in str(skipped.reason)
    failed = one.commit(copy, 2, last=True, now=0.0)
    assert failed.outcome == "failed"
    assert isinstance(failed.error, StoreError)
    monkeypatch.delenv("DLONFLINK_FAILPOINTS")
    assert one.commit(copy, 2, last=True, now=0.0).outcome == "published"
    monkeypatch.setenv("DLONFLINK_FAILPOINTS", FULL)
    with pytest.raises(StoreError, match="the disk is full"):
        exporter(tmp_path, attempt=1)


def test_a_later_attempt_fences_this_one(tmp_path: Path) -> None:
    first = exporter(tmp_path)
    exporter(tmp_path, attempt=1)
    with pytest.raises(FencedError):
        first.commit(taken(tmp_path, 1), 1, last=False, now=0.0)


@pytest.mark.parametrize("run", ["run-1", "run-2"], ids=["the same run", "a run that goes on from it"])
def test_a_lost_commit_is_made_good_once(tmp_path: Path, run: str) -> None:
    exporter(tmp_path).commit(taken(tmp_path, 1), 1, last=False, now=0.0)
    second = exporter(tmp_path, run=run, attempt=1)
    second.make_good(taken(tmp_path, 2, run=run, attempt=1), Restored("run-1", 2, b"", NOBODY, 1))
    assert second.newest == 2
    assert published(tmp_path) == [("run-1", 1, 100), (run, 2, 100)]
    for origin in (
        Restored("run-1", 1, b"", NOBODY, None),
        Restored(run, 2, b"", NOBODY, None),
        Restored("run-1", -1, b"", NOBODY, None),
    ):
        third = exporter(tmp_path, run=run, attempt=1)
        third.make_good(taken(tmp_path, origin.checkpoint, run=run, attempt=1), origin)
        assert third.newest == 2
    assert len(published(tmp_path)) == 2


def test_making_good_waits_for_the_next_checkpoint_where_not_each_is_a_version(tmp_path: Path) -> None:
    one = exporter(tmp_path, attempt=1, every="1 h")
    one.make_good(taken(tmp_path, 2, attempt=1), Restored("run-1", 2, b"", NOBODY, None))
    assert one.newest is None
    assert one.commit(taken(tmp_path, 3, attempt=1), 3, last=False, now=0.0).outcome == "published"


def test_without_export_nothing_is_published(tmp_path: Path) -> None:
    one = Exporter(None, run="run-1", attempt=0)
    assert one.commit(taken(tmp_path, 1), 1, last=True, now=0.0).outcome == "skipped"


def test_a_model_that_learned_no_row_is_not_published(tmp_path: Path) -> None:
    one = exporter(tmp_path)
    nothing = taken(tmp_path, 1, rows=0)
    one.make_good(nothing, Restored(run="run-1", checkpoint=1, waiting=b"", judged=NOBODY, version=None))
    for last in (False, True):
        outcome = one.commit(nothing, 2, last=last, now=0.0)
        assert (outcome.outcome, outcome.version, outcome.reason) == ("skipped", None, "no row was learned")
    assert published(tmp_path) == []

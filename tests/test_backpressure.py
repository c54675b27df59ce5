"""What is slow holds up only what must wait for it, and nothing piles up: a slow storage, a slow worker."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import psutil
import pytest

import clicks
import dlonflink as dlf
import slow_learner
from dlonflink.pipeline.plan import Operator
from dlonflink.testing.oracle import Verdict, verdict
from dlonflink.testing.peer import Peer
from dlonflink.training.trainer import Trainer
from dlonflink.worker import messages
from dlonflink.worker.protocol import CREDITS
from dlonflink.worker.room import Room

MIB = 1 << 20

# A state of 8 MiB, which is 8 chunks and a bit, for 5,000 rows.
LARGE = clicks.plan(
    {"type": "dlonflink.testing.oracle:Oracle", "ids": MIB}, features={"dense": ["id"]}, scored=False, key=()
)


def peer() -> Peer:
    return Peer(LARGE, clicks.SCHEMA)


def learned(flink: Peer, rows: int) -> None:
    """Waits until a report says so many."""
    while not flink.reports or flink.reports[-1]["rows"] < rows:
        flink.step()


def test_rows_are_learned_and_barriers_answered_while_a_snapshot_waits_for_room() -> None:
    with peer() as flink:
        flink.greet()
        flink.feed(clicks.rows(100))
        flink.align(1, chunks=3)
        flink.feed(clicks.rows(200).slice(100))
        learned(flink, 200)
        flink.align(2, chunks=0)  # behind the first, which has gone as far as it may
        flink.feed(clicks.rows(300).slice(200))
        learned(flink, 300)
        flink.take_chunks(1, 1)
        flink.send(messages.Abort(1))
        flink.take_chunks(2, 1)  # the peer refuses a chunk that there is no room for
        snapshot = flink.snapshot(2)
        assert flink.commit(2).outcome == "skipped"
        flink.align(3, chunks=2)
        flink.take_chunks(3, 14)
        _, report = flink.end()  # the final snapshot comes behind the third, and needs no room
        assert report["rows"] == 300
        assert flink.stop() == 0
    restored = Trainer(LARGE, clicks.SCHEMA, run="run-1", attempt=0)
    restored.restore(snapshot)
    assert restored.rows == 200
    plain = Trainer(LARGE, clicks.SCHEMA, run="run-1", attempt=0)
    plain.feed(clicks.rows(200), 0.0)
    assert restored.state_digest() == plain.state_digest()


def test_room_is_counted_by_checkpoint_and_forgotten() -> None:
    room = Room()
    room.grant(1, 1)
    room.grant(2, 2)  # before its barrier is handled
    room.open(1)
    room.open(2)
    assert [room.take(1), room.take(2), room.take(2)] == [True] * 3
    taken: list[bool] = []
    waiting = threading.Thread(target=lambda: taken.append(room.take(1)))
    waiting.start()
    room.close(1)
    waiting.join(60)
    assert taken == [False]
    room.grant(1, 5)  # too late, for nobody
    room.open(3)
    room.open(messages.FINAL)
    assert room.take(messages.FINAL)
    assert not room.take(1)
    room.grant(3, 1)
    assert room.take(3)


ROWS = 60_000
TEXT = 4_096
RATE = 5_000
DDL = f"""
    CREATE TABLE numbers (id BIGINT, text STRING) WITH (
        'connector' = 'datagen', 'rows-per-second' = '10000000', 'fields.text.length' = '{TEXT}',
        'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '{ROWS}'
    )
"""
QUERY = "SELECT id, text, MOD(id, 2) AS click FROM source"


@pytest.mark.timeout(300)
def test_a_worker_ten_times_slower_than_its_source(tmp_path: Path) -> None:
    """240 MB of rows as fast as they can be made, to a worker of 5,000 rows a second. Its memory is that of the formula
    in docs/performance.md; checkpoints go on; every row is learned, once.
    """
    pipeline = dlf.Pipeline(
        name="slow",
        source=dlf.SqlSource(ddl=DDL, table="numbers", query=QUERY, key=("id",)),
        features=dlf.Features(hashed=("text",), dense=("id",)),
        label="click",
        learner=dlf.Custom(type=f"{slow_learner.__file__}:Slow", ids=ROWS + 1, rate=RATE),
        embedding=dlf.Embedding(dim=16),
        checkpoint=dlf.Checkpoint(every="500 ms"),
        export=dlf.Export(to=str(tmp_path / "versions"), every="1 h"),
    )
    peak, base = 0, 0
    with dlf.start(pipeline, on="flink") as job:
        for progress in job.progress("200 ms"):
            memory = _memory()
            base = base or (memory if progress.rows else 0)
            peak = max(peak, memory)
        summary = job.wait()
    assert summary.rows == ROWS
    assert verdict(str(tmp_path / "versions"), range(1, ROWS + 1)) == Verdict(lost=0, twice=0)
    assert summary.checkpoints >= 5
    # The first rows were learned when `base` was taken: the table's share in it only makes the bound larger.
    table = ROWS * (4 * (16 + 4) + 57)
    batch = Operator.model_fields["batch_bytes"].default + TEXT
    bound = base + table * (1 + 2) + CREDITS * batch + 2 * batch + 32 * MIB
    assert 0 < peak < bound, f"{peak / MIB:.0f} of {bound / MIB:.0f} MiB; {base / MIB:.0f} at first"


def _memory() -> int:
    """Resident bytes of the worker; 0 while there is none."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            command = process.cmdline()
            if "dlonflink.worker" in command and "--compile" not in command:
                return process.memory_info().rss
    return 0

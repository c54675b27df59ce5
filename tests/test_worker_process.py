"""A worker as a process, with a Python peer in Flink's place."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import clicks
from dlonflink.errors import (
    CorruptionError,
    DataError,
    FencedError,
    LearnerError,
    ProtocolError,
    SchemaError,
    StoreError,
    WorkerError,
)
from dlonflink.store.store import Store
from dlonflink.testing.peer import Peer
from dlonflink.training.scored import scored_schema
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.trainer import Trainer
from dlonflink.worker import messages
from dlonflink.worker.stack import dumped, place

COUNT = 400
SCORED = scored_schema(clicks.plan(clicks.LOGISTIC), clicks.SCHEMA)
SECOND = 1.0


def part(start: int, stop: int) -> pa.RecordBatch:
    return clicks.rows(COUNT).slice(start, stop - start)


def peer(plan: TrainingPlan, *, schema: pa.Schema = clicks.SCHEMA, **more: Any) -> Peer:
    return Peer(plan, schema, scored=SCORED if plan.scored else None, **more)


def alone(plan: TrainingPlan) -> tuple[dict[str, Any], pa.Table]:
    """What a trainer in this process makes of the stream."""
    trainer = Trainer(plan.model_copy(update={"export": None}), clicks.SCHEMA, run="run-1", attempt=0)
    scored = trainer.feed(clicks.rows(COUNT), 0.0) + trainer.finish()
    return trainer.final_report(), pa.Table.from_batches(scored)


def published(to: Path) -> list[tuple[str, int, int]]:
    return [(one.origin.run, one.origin.checkpoint, one.origin.rows) for one in reversed(Store(str(to)).versions())]


def without_versions(table: pa.Table) -> pa.Table:
    return table.drop_columns(["version", "attempt"]).combine_chunks()


@pytest.mark.parametrize("learner", [clicks.PERCEPTRON, clicks.FM], ids=["batched", "fm"])
def test_a_whole_conversation(tmp_path: Path, learner: dict[str, Any]) -> None:
    plan = clicks.plan(learner, export={"to": str(tmp_path)})
    with peer(plan) as flink:
        ready = flink.greet()
        assert ready.pid == flink.process.pid
        assert ready.libraries["pyarrow"] == pa.__version__
        flink.feed(part(0, 100))
        flink.send(messages.Watermark(1))
        flink.align(1)
        flink.snapshot(1)
        flink.feed(part(100, 230))
        first = flink.commit(1)
        assert (first.outcome, first.version) == ("published", 1)
        flink.align(2)
        flink.send(messages.Abort(2))
        flink.feed(part(230, 231))
        flink.align(4)
        flink.snapshot(4)
        flink.feed(part(231, COUNT))
        flink.send(messages.Watermark(2))
        _, report = flink.end()
        assert flink.commit(4).version == 2
        last = flink.commit(5)
        assert (last.outcome, last.version) == ("published", 3)
        assert flink.stop() == 0
    expected, scored = alone(plan)
    assert report.pop("at") > 0
    assert report.pop("memory_mib") > 10
    effort = report.pop("effort")
    assert effort.keys() == {"learner_batches", "encode_millis", "learn_millis"}
    assert effort["learner_batches"] > 1
    assert {**report, "version": None} == {**json.loads(json.dumps(expected)), "version": None}
    assert report["version"] == 1
    assert without_versions(pa.Table.from_batches(flink.scored)).equals(without_versions(scored))
    assert flink.passed == [1, 2]
    assert flink.reports[0]["rows"] in (96, 100)
    held = 231 % 16 if learner is clicks.PERCEPTRON else 0
    held_at_first = 100 % 16 if learner is clicks.PERCEPTRON else 0
    assert published(tmp_path) == [("run-1", 1, 100 - held_at_first), ("run-1", 4, 231 - held), ("run-1", 5, COUNT)]


@pytest.mark.parametrize("learner", [clicks.PERCEPTRON, clicks.LOGISTIC], ids=["batched", "logistic"])
def test_a_killed_worker_is_resumed_to_the_bit(tmp_path: Path, learner: dict[str, Any]) -> None:
    plan = clicks.plan(learner, export={"to": str(tmp_path)})
    with peer(plan) as flink:
        flink.greet()
        flink.feed(part(0, 150))
        flink.align(1)
        snapshot = flink.snapshot(1)  # and its COMMIT is lost
        flink.feed(part(150, 170))
        scored = list(flink.scored)
        flink.process.kill()
    with peer(plan, attempt=1) as flink:
        flink.greet(snapshot)
        flink.send(messages.Watermark(7))
        flink.feed(part(150, COUNT))
        _, report = flink.end()
        assert flink.commit(2).outcome == "published"
        assert flink.stop() == 0
        assert flink.passed == [7]
    expected, table = alone(plan)
    assert report["state_digest"] == expected["state_digest"]
    assert report["metrics"] == expected["metrics"]
    assert [one["rows"] for one in report["windows"]] == [one["rows"] for one in expected["windows"]]
    at_checkpoint = 150 - (150 % 16 if learner is clicks.PERCEPTRON else 0)
    before = pa.Table.from_batches(scored).slice(0, at_checkpoint)
    assert without_versions(pa.concat_tables([before, *map(_table, flink.scored)])).equals(without_versions(table))
    assert published(tmp_path) == [("run-1", 1, at_checkpoint), ("run-1", 2, COUNT)]


def _table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def test_a_time_limit_cuts_a_slow_stream() -> None:
    with peer(clicks.plan(clicks.PERCEPTRON | {"max_wait": "1 ms"}, deterministic=False)) as flink:
        flink.greet()
        flink.feed(part(0, 5))
        flink.send(messages.Watermark(3))
        while not flink.passed:
            flink.step()
        assert [batch.num_rows for batch in flink.scored] == [5]


def test_a_raising_learner_is_one_error_frame() -> None:
    with peer(clicks.plan({"type": ":Raising", "batch": 16, "at": 40})) as flink:
        flink.greet()
        flink.feed(part(0, 64))
        with pytest.raises(LearnerError, match="the learner raised ValueError: no more rows, please") as caught:
            flink.end()
        assert "rows 33 to 48 (the first: id=32)" in str(caught.value.where)
        assert "Traceback" in str(caught.value.trace)
        assert flink.process.wait(10) == 1
        assert "no more rows, please" in flink.log


def test_what_is_wrong_is_told_before_the_first_row() -> None:
    with peer(clicks.plan(clicks.LOGISTIC, labels=[{"column": "clik"}])) as flink, pytest.raises(SchemaError):
        flink.greet()


def test_damaged_bytes_end_the_worker() -> None:
    plan = clicks.plan(clicks.LOGISTIC)
    with peer(plan) as flink:
        flink.greet()
        data = bytearray(bytes(memoryview(part(0, 50).serialize())))
        data[-40:] = b"\xff" * 40
        flink.send(messages.Batch(data))
        flink.send(messages.Batch(b"junk"))
        with pytest.raises((ProtocolError, DataError)):
            flink.end()
    with peer(plan) as flink:
        flink.greet()
        flink.connection.sendall(b"\x63" * 8)
        with pytest.raises(ProtocolError, match="unknown type"):
            flink.expect(messages.Finished)
        assert flink.process.wait(10) == 1
    with peer(plan) as flink:
        flink.send_hello(restore=True)
        flink.send(messages.Restore(b"no snapshot"))
        flink.send(messages.Restore(b"d" * 32, last=True))
        with pytest.raises(CorruptionError, match="not what was written"):
            flink.step()


def test_a_store_that_cannot_be_written_is_told_at_once_and_at_the_end(tmp_path: Path) -> None:
    plan = clicks.plan(clicks.LOGISTIC, export={"to": str(tmp_path)})
    full = {"DLONFLINK_FAILPOINTS": "store.write=ENOSPC"}
    with peer(plan, environment=full) as flink, pytest.raises(StoreError, match="the disk is full"):
        flink.greet()
    with peer(plan) as flink:
        flink.greet()
        flink.feed(part(0, 50))
        flink.end()
        (tmp_path / "versions").write_text("in the way")  # no folder can be made there
        answer = flink.commit(1)
        assert answer.outcome == "failed"
        assert "versions" in str(answer.reason)


def first_checkpoint(flink: Peer) -> bytes:
    """Of 50 rows, not yet committed: its snapshot."""
    flink.greet()
    flink.feed(part(0, 50))
    flink.align(1)
    return flink.snapshot(1)


def test_a_zombie_is_fenced(tmp_path: Path) -> None:
    plan = clicks.plan(clicks.LOGISTIC, export={"to": str(tmp_path)})
    with peer(plan) as zombie:
        first_checkpoint(zombie)
        with peer(plan, run="run-2") as heir:
            heir.greet()
            with pytest.raises(FencedError, match="another run"):
                zombie.commit(1)


def test_a_stopped_worker_that_wakes_can_neither_answer_nor_publish(tmp_path: Path) -> None:
    """Its heir, the next attempt of the same run, has the store; whether its socket still stands or not."""
    plan = clicks.plan(clicks.LOGISTIC, export={"to": str(tmp_path)})
    with peer(plan) as zombie:
        snapshot = first_checkpoint(zombie)
        zombie.process.send_signal(signal.SIGSTOP)
        with peer(plan, attempt=1) as heir:
            heir.greet(snapshot)  # and makes checkpoint 1 good
            heir.feed(part(50, COUNT))
            heir.end()
            zombie.process.send_signal(signal.SIGCONT)
            with pytest.raises(FencedError, match="attempt 1"):
                zombie.commit(1)
            assert zombie.process.wait(10) == 1
            assert heir.commit(2).outcome == "published"
    assert published(tmp_path) == [("run-1", 1, 50), ("run-1", 2, COUNT)]


def test_a_stopped_worker_whose_flink_is_gone_wakes_to_its_end(tmp_path: Path) -> None:
    plan = clicks.plan(clicks.LOGISTIC, export={"to": str(tmp_path)})
    with peer(plan) as zombie:
        first_checkpoint(zombie)
        zombie.process.send_signal(signal.SIGSTOP)
        zombie.send(messages.Commit(1))
        zombie.connection.close()
        assert zombie.process.stdin is not None
        zombie.process.stdin.close()
        zombie.process.send_signal(signal.SIGCONT)
        assert zombie.process.wait(10) == -signal.SIGKILL


def test_the_heart_beats_while_the_learner_waits_and_while_it_learns() -> None:
    with peer(clicks.plan({"type": ":Stuck", "batch": 16})) as flink:
        flink.greet()
        while not flink.beats:
            flink.step()
        assert flink.beats == [0]
        flink.feed(part(0, 16))
        while not flink.beats[-1]:
            flink.step()


def test_a_learner_that_hangs_is_told_where() -> None:
    limits = messages.Limits(step_ms=1)
    with peer(clicks.plan({"type": ":Stuck", "batch": 16}), limits=limits) as flink:
        flink.greet()
        flink.feed(part(0, 16))
        with pytest.raises(LearnerError, match="has been in one step for") as caught:
            flink.expect(messages.Finished)
        assert str(caught.value.where).startswith(f"{clicks.LEARNERS}:")
        assert str(caught.value.where).endswith(", in learn")
        assert "runtime.worker.step" in str(caught.value.expected)
        assert flink.process.wait(10) == 1
        assert "batched_learners.py" in flink.log  # the whole stack


def test_a_learner_that_exits_is_an_error_that_names_its_row() -> None:
    for action, said in (("exit", r"the learner called sys\.exit\(0\)"), ("raise", "the learner raised RuntimeError")):
        environment = {"DLONFLINK_FAILPOINTS": f"learner.learn={action}@3"}
        plan = clicks.plan(clicks.PERCEPTRON)
        with peer(plan, environment=environment) as flink:
            flink.greet()
            flink.feed(part(0, 64))
            with pytest.raises(LearnerError, match=said) as caught:
                flink.expect(messages.Finished)
            # Warming up may have been one of the three.
            assert re.search(
                r"rows (17 to 32 \(the first: id=16|33 to 48 \(the first: id=32)\)", str(caught.value.where)
            )
            assert flink.process.wait(10) == 1


def test_a_worker_that_is_interrupted_says_so() -> None:
    with peer(clicks.plan(clicks.LOGISTIC)) as flink:
        flink.greet()
        flink.process.send_signal(signal.SIGINT)
        with pytest.raises(WorkerError, match="interrupted"):
            flink.expect(messages.Finished)
        assert flink.process.wait(10) == 1


def test_a_child_of_the_learner_ends_with_the_worker() -> None:
    """It holds the socket, which would else never end."""
    with peer(clicks.plan(clicks.LOGISTIC), environment={"DLONFLINK_FAILPOINTS": "learner.learn=fork@1"}) as flink:
        flink.greet()
        flink.feed(part(0, 50))
        flink.align(1)
        assert flink.process.stdin is not None
        flink.process.stdin.close()
        while flink.connection.recv(1 << 16):
            pass
        assert flink.process.wait(10) == -signal.SIGKILL


def test_a_signal_asks_where_the_worker_is() -> None:
    """As Flink's side does of one that is silent: in C, for which Python need not run."""
    with peer(clicks.plan({"type": ":Stuck", "batch": 16})) as flink:
        flink.greet()
        flink.feed(part(0, 16))
        while not (flink.beats and flink.beats[-1]):
            flink.step()
        os.kill(flink.process.pid, signal.SIGUSR1)
        while (at := place(dumped(flink.log))) is None:
            flink.step()
        assert at.startswith(f"{clicks.LEARNERS}:")


def test_what_had_come_before_a_restore_is_told() -> None:
    plan = clicks.plan(clicks.PERCEPTRON)
    with peer(plan) as flink:
        assert flink.greet().received == 0
        flink.feed(part(0, 150))
        flink.align(1)
        snapshot = flink.snapshot(1)
    with peer(plan, attempt=1) as flink:
        assert flink.greet(snapshot).received == 150  # 144 learned, 6 waiting
        flink.feed(part(150, COUNT))
        _, report = flink.end()
    assert report["received"] == report["rows"] == COUNT


def test_the_worker_ends_with_its_socket_or_its_lifeline() -> None:
    stuck = clicks.plan({"type": ":Stuck", "batch": 16})
    for cut in ("socket", "lifeline"):
        with peer(stuck) as flink:
            flink.greet()
            flink.feed(part(0, 16))
            if cut == "socket":
                flink.connection.close()
            else:
                assert flink.process.stdin is not None
                flink.process.stdin.close()
            assert flink.process.wait(10 * SECOND) == -signal.SIGKILL


def test_stop_before_anything_is_a_clean_end() -> None:
    with peer(clicks.plan(clicks.LOGISTIC)) as flink:
        assert flink.stop() == 0


def test_two_learners_are_refused() -> None:
    plan = clicks.plan(clicks.LOGISTIC)
    with peer(plan) as flink:
        flink.send_hello(plans=[plan, plan])
        with pytest.raises(ProtocolError, match="several learners"):
            flink.step()


def test_kernels_are_compiled_ahead(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    plans = [clicks.plan(learner).model_dump(mode="json") for learner in (clicks.FM, clicks.PERCEPTRON)]
    file.write_text(json.dumps({"worker": plans}))
    done = _python("-m", "dlonflink.worker", "clicks", "--compile", str(file))
    assert (done.returncode, done.stderr) == (0, "")


def test_usage() -> None:
    assert "the socket is missing" in _python("-m", "dlonflink.worker", "clicks").stderr
    missing = _python("-m", "dlonflink.worker", "clicks", "/nowhere/socket")
    assert missing.returncode == 1
    assert "Traceback" not in missing.stderr


def test_importing_the_worker_loads_no_framework_and_no_edge() -> None:
    heavy = ["typer", "rich", "fastapi", "torch", "tensorflow", "keras", "mxnet", "pandas", "sklearn", "grpc"]
    code = f"import sys, dlonflink.worker.__main__; print([one for one in {heavy} if one in sys.modules])"
    assert _python("-c", code).stdout.strip() == "[]"


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-P", *arguments], capture_output=True, text=True, timeout=100, check=False)

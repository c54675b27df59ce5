"""Pace, watch, the run's directory, and what REST says."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dlonflink as dlf
from dlonflink.errors import CorruptionError, DataError, JobError, PipelineError, ResumeError, SetupError
from dlonflink.runtime.base import Pace, Progress, summary
from dlonflink.runtime.directory import RunDirectory, State
from dlonflink.runtime.rest import Rest
from dlonflink.runtime.resume import name_checkpoint
from dlonflink.runtime.watch import Watch


def pipeline(name: str = "pace") -> dlf.Pipeline:
    return dlf.Pipeline(
        name=name,
        source=dlf.MemorySource(columns={"a": "INT", "y": "INT"}, rows=({"a": 1, "y": 1},)),
        features=dlf.Features(hashed=("a",)),
        label="y",
        learner=dlf.Logistic(),
    )


def test_steady_pace_leaves_out_the_first_rows() -> None:
    pace = Pace()
    for seconds, rows in [(0, 0), (10, 100), (11, 400), (12, 700), (13, 1000), (20, 1000)]:
        pace.add(seconds, rows)
    assert pace.steady() == pytest.approx(300)


def test_pace_of_a_run_with_two_reports() -> None:
    pace = Pace()
    pace.add(1.0, 10)
    assert pace.add(2.0, 110) == pytest.approx(100)
    assert pace.steady() == pytest.approx(100)


def test_pace_after_a_restart_counts_from_the_checkpoint() -> None:
    pace = Pace()
    for seconds, rows in [(0, 0), (1, 500), (2, 900), (5, 600), (6, 800), (7, 1000)]:
        pace.add(seconds, rows)
    assert pace.steady() == pytest.approx((1000 - 500) / 6)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**9)), max_size=30))
def test_pace_never_fails(points: list[tuple[float, int]]) -> None:
    pace = Pace()
    for seconds, rows in sorted(points):
        assert pace.add(seconds, rows) >= 0
    assert pace.steady() >= 0


def test_a_summary_has_exactly_its_members() -> None:
    report = {
        "rows": 3,
        "rejected": 2,
        "received": 5,
        "metrics": {"auc": 0.5, "logloss": 0.7},
        "windows": [],
        "version": None,
        "state_digest": "ab",
    }
    told = summary(report, seconds=2.0, steady=1.5, checkpoints=4, restarts=0).to_json()
    assert list(told) == [
        "rows", "seconds", "rows_per_second", "steady_rows_per_second", "metrics", "windows", "rejected", "received",
        "in_flight", "checkpoints", "restarts", "version", "state_digest",
    ]  # fmt: skip
    assert (told["rows"], told["rejected"], told["received"], told["in_flight"]) == (3, 2, 5, 0)
    assert list(told["metrics"]) == ["auc", "auc_bound", "logloss", "calibration"]
    assert json.loads(json.dumps(told, allow_nan=False))["rows_per_second"] == 1.5


def test_every_phase_is_seen_and_the_error_raised() -> None:
    watch = Watch("one")
    seen: list[str] = []
    reached = {name: threading.Event() for name in ("one", "two")}

    def follow() -> None:
        news = watch.iterate("1 h")
        for phase in ("one", "two"):
            seen.append(next(news).phase)
            reached[phase].set()
        with pytest.raises(JobError, match="broke"):
            next(news)

    thread = threading.Thread(target=follow)
    thread.start()
    assert reached["one"].wait(10)
    watch.update(Progress("two", 0.1))
    assert reached["two"].wait(10)
    watch.end(None, JobError("broke"))
    thread.join(10)
    assert seen == ["one", "two"]
    with pytest.raises(JobError, match="broke"):
        watch.wait()


def test_a_stopped_job_has_no_summary() -> None:
    watch = Watch("one")
    watch.end(None)
    assert list(watch.iterate("1 s")) == []
    with pytest.raises(JobError, match="stopped"):
        watch.wait()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLONFLINK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def checkpoint(directory: RunDirectory, job: str, number: int) -> str:
    path = Path(directory.checkpoints.removeprefix("file://"), job, f"chk-{number}")
    path.mkdir(parents=True)
    (path / "_metadata").write_bytes(b"x")
    return path.as_uri()


def test_a_run_that_left_a_checkpoint_must_be_resumed_or_dropped(home: Path) -> None:
    first = RunDirectory.open(pipeline(), fresh=False, resume=False)
    checkpoint(first, "aa", 3)
    newest = checkpoint(first, "bb", 1)
    first.close("failed")
    with pytest.raises(PipelineError, match="did not finish") as refused:
        RunDirectory.open(pipeline(), fresh=False, resume=False)
    assert "--resume" in str(refused.value)
    second = RunDirectory.open(pipeline(), fresh=False, resume=True)
    assert second.resumed_from == newest
    second.close("stopped")
    # It made no checkpoint of its own: the one it began from is still the newest.
    third = RunDirectory.open(pipeline(), fresh=False, resume=True)
    assert third.resumed_from == newest
    third.close("finished")
    assert not list((home / "pace" / "checkpoints").iterdir())
    fourth = RunDirectory.open(pipeline(), fresh=False, resume=False)
    assert fourth.resumed_from is None
    fourth.close("failed")


def test_nothing_to_resume(home: Path) -> None:
    with pytest.raises(ResumeError, match="has never run"):
        RunDirectory.open(pipeline(), fresh=False, resume=True)
    RunDirectory.open(pipeline(), fresh=False, resume=False).close("finished")
    with pytest.raises(ResumeError, match="finished"):
        RunDirectory.open(pipeline(), fresh=False, resume=True)
    RunDirectory.open(pipeline(), fresh=False, resume=False).close("failed")
    with pytest.raises(ResumeError, match="left no checkpoint"):
        RunDirectory.open(pipeline(), fresh=False, resume=True)


def test_a_checkpoint_is_named_by_path_or_url(home: Path, tmp_path: Path) -> None:
    first = RunDirectory.open(pipeline(), fresh=True, resume=False)
    urls = [checkpoint(first, "aa", number) for number in range(1, 8)]
    first.close("stopped")
    path = urls[2].removeprefix("file://")
    for said in (urls[2], path, f"file:{path}", f"{path}/", f"{urls[2]}/_metadata"):
        second = RunDirectory.open(pipeline(), fresh=False, resume=said)
        assert (second.resumed_from, second.resumed_run) == (urls[2], first.run)
        second.close("stopped")
    copy = tmp_path / "elsewhere"
    copytree(path, copy)
    third = RunDirectory.open(pipeline("other"), fresh=False, resume=str(copy))
    assert (third.resumed_from, third.resumed_run) == (copy.as_uri(), None)
    third.close("failed")
    with pytest.raises(ResumeError, match="no checkpoint at this place") as refused:
        RunDirectory.open(pipeline(), fresh=False, resume=str(tmp_path))
    listed = [line.split()[-1] for line in str(refused.value).splitlines() if "--from" in line]
    assert listed == urls[:1:-1]
    assert len(str(refused.value).splitlines()) <= 10


def test_a_damaged_checkpoint_is_named_with_those_before_it(home: Path) -> None:
    def of(directory: RunDirectory) -> tuple[str | None, str | None]:
        error = CorruptionError("a snapshot is not what was written", where="the state of the operator dlonflink-train")
        named = name_checkpoint(error, directory)
        return named.where, named.fix

    first = RunDirectory.open(pipeline(), fresh=True, resume=False)
    one, two, three, four = (checkpoint(first, "aa", number) for number in range(1, 5))
    savepoint = Path(first.checkpoints.removeprefix("file://"), "savepoint-1")
    savepoint.mkdir()
    (savepoint / "_metadata").touch()
    # After a restart: Flink has gone back to its own newest checkpoint, and not to the savepoint.
    commands = [f"dlonflink run ... --from {url}" for url in (three, two)]
    assert of(first) == (four, f"\n{' ' * 12}".join(commands))
    first.close("failed")
    second = RunDirectory.open(pipeline(), fresh=False, resume=two)
    assert of(second) == (two, f"dlonflink run ... --from {one}")
    second.close("failed")
    third = RunDirectory.open(pipeline(), fresh=False, resume=one)
    assert of(third) == (one, "there is no other one: dlonflink run ... --fresh begins anew")
    other = DataError("a row", where="row 1")
    assert name_checkpoint(other, third).where == "row 1"
    third.close("failed")


def test_one_run_of_a_name_at_a_time(home: Path) -> None:
    first = RunDirectory.open(pipeline(), fresh=True, resume=False)
    with pytest.raises(SetupError, match="under way"):
        RunDirectory.open(pipeline(), fresh=True, resume=False)
    other = RunDirectory.open(pipeline("other"), fresh=True, resume=False)
    other.close("stopped")
    first.close("stopped")
    RunDirectory.open(pipeline(), fresh=True, resume=False).close("stopped")


def test_what_a_killed_client_left_is_swept(home: Path) -> None:
    first = RunDirectory.open(pipeline(), fresh=True, resume=False)
    first._lock.close()  # as the end of its process does
    assert first.scratch.is_dir()
    RunDirectory.open(pipeline(), fresh=True, resume=False).close("stopped")
    assert not first.scratch.exists()


def test_a_home_that_cannot_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLONFLINK_HOME", "/proc/nothing")
    with pytest.raises(SetupError, match="cannot write") as refused:
        RunDirectory.open(pipeline(), fresh=True, resume=False)
    assert "DLONFLINK_HOME" in str(refused.value)


def test_a_run_whose_end_cannot_be_written_lets_go(home: Path) -> None:
    first = RunDirectory.open(pipeline(), fresh=True, resume=False)
    for file in first.path.iterdir():
        file.unlink()
    first.path.rmdir()
    with pytest.raises(FileNotFoundError):
        first.close("failed")
    assert not first.scratch.exists()
    RunDirectory.open(pipeline(), fresh=True, resume=False).close("stopped")


def test_a_local_run_drops_no_checkpoint_unasked(home: Path) -> None:
    flink = RunDirectory.open(pipeline(), fresh=False, resume=False)
    newest = checkpoint(flink, "aa", 1)
    flink.close("stopped")
    with pytest.raises(PipelineError, match="did not finish"):
        dlf.run(pipeline(), on="local")
    again = RunDirectory.open(pipeline(), fresh=False, resume=True)
    assert again.resumed_from == newest
    again.close("stopped")
    assert dlf.run(pipeline(), on="local", fresh=True).rows == 1


def test_an_end_that_fails_is_raised_where_it_is_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = RunDirectory.close

    def close(directory: RunDirectory, state: State) -> None:
        real(directory, state)
        raise RuntimeError(f"no route to the bucket, {state}")

    monkeypatch.setattr(RunDirectory, "close", close)
    with pytest.raises(RuntimeError, match="no route to the bucket, finished"):
        dlf.run(pipeline(), on="local")


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for body in (b'{"state": "RUNN', b"<html>closing</html>"):
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 12)
                    length = 5000 if body.startswith(b"{") else len(body)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length, body))

        thread = threading.Thread(target=serve)
        thread.start()
        rest = Rest(f"http://127.0.0.1:{server.getsockname()[1]}", "job")
        for _ in range(2):
            with pytest.raises(OSError, match=": "):
                rest.status()
        thread.join(10)

"""Pipelines on a standalone cluster: JobManager and TaskManager are processes of their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import dlonflink as dlf
import witnessed
from dlonflink.demo.flights import pipeline as flights
from dlonflink.errors import DLOnFlinkError
from dlonflink.runtime.rest import Server
from dlonflink.testing.cluster import StandaloneCluster
from dlonflink.testing.faults import Faults
from dlonflink.testing.oracle import verdict

pytestmark = pytest.mark.timeout(400)

ROWS = 30_000
FLIGHTS = 20_000
QUERY = "SELECT id, MOD(id, 7) AS a, MOD(id, 11) AS b, CASE WHEN MOD(id, 3) = 0 THEN 1 ELSE 0 END AS click FROM source"

RATES = "STEP = 0.05\n"
MODEL = """
from ctr.rates import STEP
from perceptron import Perceptron


class Mine(Perceptron):
    def __init__(self, inputs):
        super().__init__(inputs, rate=STEP)
"""


def on(cluster: StandaloneCluster, **flink: Any) -> dlf.Flink:
    return dlf.Flink(target="remote", address=cluster.address, **flink)


def numbers(rate: int, flink: dlf.Flink, **changes: Any) -> dlf.Pipeline:
    """The numbers from 1 to ROWS, `rate` a second."""
    ddl = f"""
        CREATE TABLE numbers (id BIGINT) WITH (
            'connector' = 'datagen', 'rows-per-second' = '{rate}',
            'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '{ROWS}'
        )
    """
    sections: dict[str, Any] = {
        "name": "numbers",
        "source": dlf.SqlSource(ddl=ddl, table="numbers", query=QUERY, key=("id",)),
        "features": dlf.Features(hashed=("a", "b"), crossed=(("a", "b"),)),
        "label": "click",
        "learner": dlf.FM(dim=4),
        "checkpoint": dlf.Checkpoint(every="500 ms"),
        "runtime": dlf.Runtime(flink=flink),
    }
    return dlf.Pipeline(**(sections | changes))


def whole() -> dlf.Summary:
    """The same numbers, never stopped."""
    rows = tuple({"id": one, "a": one % 7, "b": one % 11, "click": int(one % 3 == 0)} for one in range(1, ROWS + 1))
    columns = {"id": "BIGINT", "a": "BIGINT", "b": "BIGINT", "click": "INT"}
    source = dlf.MemorySource(columns=columns, rows=rows, key=("id",))
    return dlf.run(numbers(1, dlf.Flink(), name="whole", source=source), on="local")


def refused(one: dlf.Pipeline, kind: type[DLOnFlinkError]) -> str:
    with pytest.raises(kind) as caught, dlf.start(one) as job:
        job.wait()
    said = str(caught.value)
    assert len(said.splitlines()) <= 10
    return said


def test_the_demo_runs_unchanged_everywhere(cluster: StandaloneCluster, tmp_path: Path) -> None:
    demo = flights()
    assert isinstance(demo.source, dlf.FileSource)
    lines = Path(demo.source.paths[0]).read_text().splitlines(keepends=True)
    (tmp_path / "flights.csv").write_text("".join(lines[: FLIGHTS + 1]))
    demo = demo.model_copy(
        update={
            "source": demo.source.model_copy(update={"paths": (str(tmp_path / "flights.csv"),)}),
            "export": dlf.Export(to=str(tmp_path / "versions")),
        }
    )
    remote = dlf.run(demo.model_copy(update={"runtime": dlf.Runtime(flink=on(cluster))}))
    embedded = dlf.run(demo)
    local = dlf.run(demo, on="local")
    assert remote.rows == embedded.rows == local.rows == FLIGHTS
    assert remote.state_digest == embedded.state_digest == local.state_digest
    assert remote.metrics == embedded.metrics == local.metrics
    assert (remote.version, embedded.version, local.version) != (None, None, None)
    assert remote.checkpoints > 0


def test_code_of_one_s_own_travels(cluster: StandaloneCluster, stream: Any, learner_file: Path, tmp_path: Path) -> None:
    package = tmp_path / "project" / "ctr"
    package.mkdir(parents=True)
    (package / "rates.py").write_text(RATES)
    (package / "model.py").write_text(MODEL)
    (package / ".hidden").write_text("stays here")
    files = (str(package), str(learner_file))
    one = numbers(
        1,
        dlf.Flink(),
        name="travels",
        source=dlf.FileSource(
            paths=(str(stream.path),), format="csv", columns=stream.columns, event_time="ts", key=("id",)
        ),
        features=dlf.Features(hashed=("user", "ad")),
        learner=dlf.Custom(type="ctr.model:Mine"),
        export=dlf.Export(to=str(tmp_path / "versions")),
        runtime=dlf.Runtime(deterministic=True, flink=on(cluster), worker=dlf.Worker(files=files)),
    )
    remote = dlf.run(one)
    # By its file, and on this side of the network.
    local = dlf.run(one.model_copy(update={"learner": dlf.Custom(type=f"{package}/model.py:Mine")}), on="local")
    assert remote.rows == stream.rows
    assert remote.state_digest == local.state_digest
    sent = _files_of_the_newest(tmp_path)
    assert set(sent) == {"ctr", learner_file.name}
    (package / "rates.py").write_text("STEP = 0.06\n")
    assert dlf.run(one).state_digest != remote.state_digest
    changed = _files_of_the_newest(tmp_path)
    assert changed[learner_file.name] == sent[learner_file.name]
    assert changed["ctr"] != sent["ctr"]


def _files_of_the_newest(folder: Path) -> dict[str, str]:
    """Digests of the user's files, as the newest version's manifest has them."""
    manifests = sorted(folder.glob("versions/**/manifest.json"), key=lambda file: file.stat().st_mtime_ns)
    return json.loads(manifests[-1].read_text())["provenance"]["files"]


def test_code_that_does_not_travel(cluster: StandaloneCluster, learner_file: Path) -> None:
    said = refused(numbers(1_000, on(cluster), learner=dlf.Custom(type="nowhere.model:Mine")), dlf.PipelineError)
    assert "there is no nowhere" in said
    assert "runtime.worker.files" in said
    said = refused(
        numbers(1_000, on(cluster), learner=dlf.Custom(type=f"{learner_file}:Perceptron")), dlf.PipelineError
    )
    assert "not on the cluster" in said
    assert f"runtime.worker.files: [{learner_file.name}]" in said


def test_a_detached_run_is_stopped_and_resumed(cluster: StandaloneCluster, home: Path) -> None:
    job = dlf.submit(numbers(100, on(cluster)))
    assert until(job, lambda status: status.rows > 0 and status.checkpoints > 0).state == "running"
    said = refused(numbers(100, on(cluster)), dlf.SetupError)
    assert "another run of 'numbers' is under way" in said
    assert "dlonflink stop numbers" in said
    assert Path(job.savepoint().removeprefix("file:"), "_metadata").exists()
    assert job.status().state == "running"
    place = dlf.Submitted.of("numbers").stop()
    stopped = job.status()
    assert stopped.state == "stopped"
    assert stopped.resumes_from is not None
    assert stopped.resumes_from.endswith(place.rpartition("/")[2])
    with pytest.raises(dlf.PipelineError, match="no run of 'numbers' is under way"):
        job.stop()

    resumed = dlf.submit(numbers(50_000, on(cluster)), resume=True)
    finished = until(resumed, lambda _: False)
    assert finished.state == "finished"
    assert finished.rows == ROWS
    assert finished.metrics == whole().metrics
    assert f"run={resumed.run} attempt=0" in cluster.log()  # the worker's lines are in the TaskManager's log
    summary = json.loads(next(home.glob(f"numbers/runs/{resumed.run}/summary.json")).read_text())
    assert summary["state_digest"] == whole().state_digest
    assert not list((home / "numbers" / "checkpoints").iterdir())


def until(job: dlf.Submitted, when: Callable[[dlf.RunStatus], bool]) -> dlf.RunStatus:
    """The first status that is asked for, or that of the end; each is a request, which takes its time."""
    while (status := job.status()).state in ("running", "restarting", "waiting for a task slot"):
        if when(status):
            break
    return status


def test_a_task_manager_is_killed(cluster: StandaloneCluster, tmp_path: Path) -> None:
    """After its worker was, twice: at random and with a snapshot half sent."""
    store = tmp_path / "versions"
    second = cluster.start_task_manager()
    cluster.await_slots(4)
    faults = Faults(tmp_path / "faults", "worker.snapshot=kill@2*1, learner.learn=kill@12*1")
    soon = {"restart-strategy.exponential-delay.initial-backoff": "100 ms"}
    one = witnessed.numbers(
        name="killed",
        learner=witnessed.LONGER,
        export=dlf.Export(to=str(store)),
        runtime=dlf.Runtime(flink=on(cluster, options=soon)),
    )
    with dlf.start(faults.arm(one)) as job:
        for _ in job.progress("200 ms"):
            if len(faults.happened()) == 2 and len(faults.learned()) == 3:
                break
        where = task_manager(cluster, "killed")
        assert where in ("tm-0", second)
        cluster.kill_task_manager(where)
        faults.happens()
        summary = job.wait()
    outcome = faults.outcome(summary, witnessed.undisturbed(), verdict(str(store), range(1, witnessed.ROWS + 1)))
    assert (outcome.faults, outcome.lost, outcome.twice, outcome.bit_equal) == (3, 0, 0, True)
    assert len(outcome.recovery) == 3


def task_manager(cluster: StandaloneCluster, name: str) -> str:
    """Where the pipeline's first task is."""
    server, job = Server(cluster.address), dlf.Submitted.of(name).job_id
    vertices = server.get(f"/jobs/{job}")["vertices"]
    return server.get(f"/jobs/{job}/vertices/{vertices[0]['id']}")["subtasks"][0]["taskmanager-id"]


def test_parallel_sources(cluster: StandaloneCluster, stream: Any) -> None:
    head, *lines = stream.path.read_text().splitlines(keepends=True)
    for number, part in enumerate((lines[: len(lines) // 2], lines[len(lines) // 2 :])):
        (stream.path.parent / f"half-{number}.csv").write_text("".join([head, *part]))
    source = dlf.FileSource(paths=(f"{stream.path.parent}/half-*.csv",), format="csv", columns=stream.columns)
    one = numbers(1, on(cluster, parallelism=2), source=source, features=dlf.Features(hashed=("user", "ad")))
    assert dlf.run(one).rows == stream.rows
    vertices = Server(cluster.address).get(f"/jobs/{dlf.Submitted.of('numbers').job_id}")["vertices"]
    assert vertices[0]["name"].startswith("Source:")
    assert vertices[0]["parallelism"] == 2


def test_a_full_cluster_says_so_and_a_stopped_job_is_cancelled(cluster: StandaloneCluster) -> None:
    with dlf.start(numbers(1_000, on(cluster, parallelism=64))) as job:
        for progress in job.progress("200 ms"):
            if progress.phase.startswith("waiting for a free task slot"):
                break
        record = dlf.Submitted.of("numbers")
        assert record.status().state == "waiting for a task slot"
    pause = threading.Event()
    while (state := _state(cluster, record)) == "CANCELLING":
        pause.wait(0.1)  # between requests, as every poll has one
    assert state == "CANCELED"
    assert record.status().state == "stopped"


def _state(cluster: StandaloneCluster, job: dlf.Submitted) -> str:
    """Now: /jobs/ID is up to three seconds old."""
    return Server(cluster.address).get(f"/jobs/{job.job_id}/status")["status"]


def test_no_cluster() -> None:
    with HTTPServer(("localhost", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    flink = dlf.Flink(target="remote", address=f"http://localhost:{port}")
    said = refused(numbers(1, flink), dlf.SetupError)
    assert "the cluster cannot be reached" in said
    assert f"localhost:{port}" in said
    with pytest.raises(dlf.PipelineError, match=r"runtime\.flink\.target"):
        dlf.submit(numbers(1, dlf.Flink()))


@contextmanager
def answering(text: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Nothing."""

    with HTTPServer(("localhost", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_cluster_of_another_flink() -> None:
    with answering('{"flink-version": "1.20.1"}') as address:
        said = refused(numbers(1, dlf.Flink(target="remote", address=address)), dlf.SetupError)
    assert "got:      Flink 1.20.1" in said
    with answering('{"hello": 1}') as address:
        assert "this is no Flink" in refused(numbers(1, dlf.Flink(target="remote", address=address)), dlf.SetupError)

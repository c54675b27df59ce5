"""The doctor: what is well, what is not and what to do, and that he needs nothing that may be missing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

import dlonflink as dlf
from dlonflink.doctor import cluster, flink, interpreter, machine, packages, pipeline
from dlonflink.doctor.examination import examine
from dlonflink.doctor.finding import Finding
from dlonflink.errors import SetupError
from dlonflink.runtime.jars import Jar, look, misfit, refuse_misfits
from flink_rest import rest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = str(Path(sys.executable).parent / "dlonflink")


def clicks(stream: Any, **changes: Any) -> dlf.Pipeline:
    sections: dict[str, Any] = {
        "name": "clicks",
        "source": dlf.FileSource(paths=(str(stream.path),), format="csv", columns=stream.columns),
        "features": dlf.Features(hashed=("user", "ad")),
        "label": "click",
        "learner": dlf.Logistic(),
        "export": dlf.Export(to="versions"),
    }
    return dlf.Pipeline(**(sections | changes))


def doctor(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, "doctor", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )


def failing(findings: Any) -> dict[str, Finding]:
    return {one.name: one for one in findings if one.state == "fail"}


# --- the command ---


def test_all_is_well(stream: Any, tmp_path: Path) -> None:
    (tmp_path / "clicks.yaml").write_text(clicks(stream).to_yaml())
    done = doctor(tmp_path, "clicks.yaml", COLUMNS="100")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    names = [line[6:26].strip() for line in done.stdout.splitlines() if not line.startswith(" ")]
    for name in ("Java", "Flink", "dlonflink.jar", "memory", "sockets", "web UI", "worker", "pipeline", "source"):
        assert name in names, done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert not (tmp_path / "versions").exists()


def test_what_fails_is_said_with_its_way_out(stream: Any, tmp_path: Path) -> None:
    text = clicks(stream).to_yaml().replace("- user", "- usr")
    (tmp_path / "clicks.yaml").write_text(text)
    done = doctor(tmp_path, "clicks.yaml", "--json", JAVA_HOME=str(tmp_path))
    assert done.returncode == 1
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["Java"]["state"] == "fail"
    assert "set JAVA_HOME to a JDK" in found["Java"]["fix"]
    assert found["pipeline"]["found"].startswith("column 'usr' is not in the source")
    assert found["pipeline"]["fix"] == "did you mean 'user'?"
    assert found["Flink"]["state"] == "ok"
    shown = doctor(tmp_path, "nowhere.yaml", JAVA_HOME=str(tmp_path)).stdout
    assert "FAIL  pipeline" in shown
    assert "fix:  set JAVA_HOME" in shown
    assert "2 must be mended" in shown


def test_local_needs_neither_java_nor_ports(stream: Any, tmp_path: Path) -> None:
    (tmp_path / "clicks.yaml").write_text(clicks(stream).to_yaml())
    done = doctor(tmp_path, "clicks.yaml", "--on", "local", "--json", JAVA_HOME="/nowhere")
    assert done.returncode == 0, done.stdout
    assert not {"Java", "web UI", "worker"} & {one["name"] for one in json.loads(done.stdout)}


@pytest.mark.parametrize("package", ["pyarrow", "typer"])
def test_a_missing_package_is_a_finding(package: str, tmp_path: Path) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{package}'\")")
    done = doctor(tmp_path, "--json", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    found = [one for one in json.loads(done.stdout) if one["state"] == "fail"]
    assert found[0]["name"] == f"package {package}"
    assert f"No module named '{package}'" in found[0]["found"]
    assert len(found) <= 2
    run = subprocess.run(
        [SCRIPT, "run", "a.yaml"], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.startswith(f"error[setup]: dlonflink cannot start: No module named '{package}'")
    assert "dlonflink doctor" in run.stderr


def test_from_python(stream: Any) -> None:
    assert not failing(examine(clicks(stream), "local"))


# --- packages ---


def test_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not failing(packages.packages())
    monkeypatch.setattr(packages, "requires", lambda _: ["numpy>=99,<100", "nopackage>=1", "more; extra == 'demo'"])
    found = failing(packages.packages())
    assert set(found) == {"package numpy", "package nopackage"}
    assert found["package nopackage"].fix == f"{sys.executable} -m pip install 'nopackage>=1'"
    assert "expected >=99,<100" in found["package numpy"].found


@pytest.mark.parametrize(
    ("version", "bounds", "fits"),
    [
        ("2.2.1", "<2.3,>=2.2.1", True),
        ("2.3.0", "<2.3,>=2.2.1", False),
        ("21.0.8.2", "<22,>=21", True),
        ("2.7", ">=2.7.0", True),
        ("2.10rc1", ">=2.9", True),
        ("0.0.3", "==0.0.3", True),
        ("1", "", True),
    ],
)
def test_bounds(version: str, bounds: str, fits: bool) -> None:
    assert packages.fits(version, bounds) is fits


# --- jars ---


def jar(path: Path, manifest: str = "Manifest-Version: 1.0\n") -> Path:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", manifest)
    return path


def test_our_jar_says_what_it_is() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (finding,) = [one for one in flink.jars() if one.name == "dlonflink.jar"]
    assert finding.state == "ok"
    assert f"{version}, built for Flink 2.2" in finding.found


@pytest.mark.parametrize(
    ("name", "minor"),
    [
        ("flink-sql-connector-kafka-5.0.0-2.2.jar", "2.2"),
        ("flink-sql-connector-kafka-3.4.0-1.20.jar", "1.20"),
        ("flink-connector-jdbc-core-4.0.0-2.0.jar", "2.0"),
        ("flink-connector-jdbc_2.12-1.15.0.jar", "1.15"),
        ("flink-csv-2.2.1.jar", "2.2"),
        ("mysql-connector-j-9.1.0.jar", None),
    ],
)
def test_the_flink_of_a_jar(name: str, minor: str | None, tmp_path: Path) -> None:
    assert look(jar(tmp_path / name)).flink == minor


@pytest.mark.parametrize(
    ("theirs", "fits"), [("2.2", True), ("2.0", True), ("1.20", False), ("2.3", False), ("3.0", False), (None, True)]
)
def test_which_jars_fit(theirs: str | None, fits: bool) -> None:
    assert (misfit(Jar(Path("a.jar"), theirs, None), "2.2.1") is None) is fits


def test_connectors(tmp_path: Path) -> None:
    (tmp_path / "page.jar").write_text("<html>404")
    names = ("a-2.jar", "flink-x-1.0.0-2.1.jar", "flink-x-1.0.0-1.20.jar", "page.jar", "none.jar")
    for name in names[:3]:
        jar(tmp_path / name)
    states = [one.state for one in flink.connectors([str(tmp_path / name) for name in names])]
    assert states == ["ok", "warn", "fail", "fail", "fail"]
    with pytest.raises(SetupError, match=r"is for Flink 1\.20"):
        refuse_misfits([tmp_path / names[2]], "2.2.1")
    with pytest.raises(SetupError, match="cannot be read") as refused:
        refuse_misfits([tmp_path / "page.jar"], "2.2.1")
    assert "<html>404" in str(refused.value)


# --- the machine ---


def test_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    places = {"a": str(tmp_path / "x" / "y"), "b": "s3://bucket/x", "c": str(tmp_path / "file" / "x"), "d": "/proc/x"}
    states = [one.state for one in machine.disks(places)]
    assert states == ["ok", "ok", "fail", "fail"]
    assert not (tmp_path / "x").exists()
    for free, state in ((50 << 20, "fail"), (500 << 20, "warn")):
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda _, free=free: type("U", (), {"free": free}))
        assert next(machine.disks({"a": str(tmp_path)})).state == state


def test_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 60)))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    found = {one.name: one for one in machine.temporary()}
    assert found["TMPDIR"].state == "warn"
    assert found["sockets"].state == "fail"
    assert "/tmp" in (found["sockets"].fix or "")


def test_ports() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (busy,) = machine.ports("web UI", str(port), "another")
        assert (busy.state, busy.fix) == ("fail", "another")
        assert str(port) in busy.found
        (free,) = machine.ports("web UI", f"{port},0", "another")
        assert free.state == "ok"
    assert next(machine.ports("web UI", "no port", "another")).state == "fail"


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert next(machine.memory()).found
    monkeypatch.setattr(machine, "_container", lambda: 600)
    assert next(machine.memory()).state == "warn"


# --- the worker ---


def test_a_bare_interpreter(stream: Any, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    python = str(tmp_path / "bare" / "bin" / "python")
    runtime = dlf.Runtime(worker=dlf.Worker(python=python))
    found = failing(interpreter.interpreter(clicks(stream, runtime=runtime)))
    assert "worker: numpy" in found
    assert found["worker: pyyaml"].fix == f"{python} -m pip install pyyaml"
    runtime = dlf.Runtime(worker=dlf.Worker(python="/nowhere/python"))
    (missing,) = interpreter.interpreter(clicks(stream, runtime=runtime))
    assert missing.found.startswith("the worker's interpreter does not exist")
    (tmp_path / "false").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "false").chmod(0o755)
    runtime = dlf.Runtime(worker=dlf.Worker(python=str(tmp_path / "false")))
    (broken,) = interpreter.interpreter(clicks(stream, runtime=runtime))
    assert broken.state == "fail"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import notthere", "needs the package 'notthere'"),
        ("def x(:", "SyntaxError"),
        ("print('loud')", "there is no Mine in"),
    ],
)
def test_the_learners_file(code: str, said: str, stream: Any, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(code)
    custom = dlf.Custom(type=f"{tmp_path}/model.py:Mine")
    (finding,) = interpreter.interpreter(clicks(stream, learner=custom))
    assert finding.state == "fail"
    assert said in finding.found
    assert finding.fix


# --- the cluster ---


@pytest.mark.parametrize(
    ("answers", "parallelism", "state", "said"),
    [
        (
            {"/config": {"flink-version": "2.2.1"}, "/overview": {"slots-available": 2, "slots-total": 4}},
            2,
            "ok",
            "2 of 4",
        ),
        (
            {"/config": {"flink-version": "2.2.1"}, "/overview": {"slots-available": 0, "slots-total": 4}},
            2,
            "warn",
            "0 of 4",
        ),
        (
            {"/config": {"flink-version": "2.2.1"}, "/overview": {"slots-available": 1, "slots-total": 1}},
            2,
            "fail",
            "1 of 1",
        ),
        ({"/config": {"flink-version": "2.1.0"}}, 1, "fail", "another Flink"),
        ({}, 1, "fail", "cannot be reached"),
    ],
)
def test_the_cluster(answers: dict[str, Any], parallelism: int, state: str, said: str, stream: Any) -> None:
    with rest(answers) as address:
        runtime = dlf.Runtime(flink=dlf.Flink(target="remote", address=address, parallelism=parallelism))
        (finding,) = cluster.cluster(clicks(stream, runtime=runtime))
    assert finding.state == state, finding
    assert said in finding.found
    assert finding.fix or state == "ok"


# --- the pipeline ---


def test_secrets(stream: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("hunter2")
    env: dict[str, Any] = {"A": dlf.Secret(env="NOT_SET"), "B": dlf.Secret(file=str(tmp_path / "key"))}
    found = list(pipeline.secrets(clicks(stream, runtime=dlf.Runtime(worker=dlf.Worker(env=env)))))
    assert [one.state for one in found] == ["fail", "ok"]
    assert "NOT_SET" in found[0].found
    assert "export NOT_SET=" in (found[0].fix or "")
    assert "hunter2" not in repr(found)


def test_the_source(stream: Any, tmp_path: Path) -> None:
    def look_at(**changes: Any) -> Finding:
        (finding,) = pipeline.source(clicks(stream, **changes))
        return finding

    assert look_at().state == "ok"
    assert look_at(label="ad").found.startswith("label column 'ad' holds")
    (tmp_path / "empty.csv").write_text(",".join(stream.columns) + "\n")
    gone, empty = (
        dlf.FileSource(paths=(str(tmp_path / name),), format="csv", columns=stream.columns)
        for name in ("gone.csv", "empty.csv")
    )
    assert look_at(source=gone).found.startswith("no file matches")
    assert look_at(source=empty).found.startswith("no row")
    assert look_at(source=dlf.SqlSource(ddl="CREATE TABLE t (a INT)", table="t")).state == "ok"
    query = dlf.FileSource(paths=(str(stream.path),), format="csv", columns=stream.columns, query="SELECT 1 AS late")
    assert look_at(source=query, label="late").state == "ok"

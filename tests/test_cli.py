"""The command line, in processes of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlonflink as dlf

SCRIPT = str(Path(sys.executable).parent / "dlonflink")
TYPED = "dlonflink" if shutil.which("dlonflink") == SCRIPT else SCRIPT
"""What is told to type: the name is enough where the environment is active."""

JOB = """\
import dlonflink as dlf

pipeline = dlf.Pipeline(
    name="clicks",
    source=dlf.FileSource(
        paths=({path!r},), format="csv", columns={columns!r}, event_time="ts", key=("id",)
    ),
    features=dlf.Features(hashed=("user", "ad"), crossed=(("user", "ad"),)),
    label="click",
    learner=dlf.Logistic(),
    export=dlf.Export(to="versions"),
)
number = 5
"""


def dlonflink(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [SCRIPT, *arguments]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, timeout=100)


@pytest.fixture
def job(stream: Any, tmp_path: Path) -> Path:
    """A folder with a `job.py`."""
    (tmp_path / "job.py").write_text(JOB.format(path=str(stream.path), columns=stream.columns))
    return tmp_path


@pytest.fixture(scope="module")
def published(stream: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, `versions`."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "job.py").write_text(JOB.format(path=str(stream.path), columns=stream.columns))
    done = dlonflink(folder, "run", "job.py:pipeline", "--on", "local")
    assert done.returncode == 0, done.stderr
    return folder


def test_run_then_versions_then_predict(job: Path, stream: Any) -> None:
    done = dlonflink(job, "run", "job.py:pipeline", "--on", "local", "--summary", "out.json")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    summary = json.loads((job / "out.json").read_text())
    assert summary["rows"] == stream.rows
    assert summary["version"] == 1
    assert 0.5 < summary["metrics"]["auc"] < 1
    assert f"{stream.rows:,} rows" in done.stdout
    # Figures come under a head, and the last lines say what to type.
    assert re.search(r"time +rows +rows/s +log loss", done.stdout)
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ") and f"{TYPED} " in line]
    assert commands[0] == f"{TYPED} versions versions"
    assert commands[1].endswith(f"| {TYPED} predict versions")

    listed = dlonflink(job, "versions", "versions")
    assert listed.returncode == 0
    head, line = listed.stdout.splitlines()
    assert head.split()[0] == "version"
    assert line.split()[0] == "1"
    assert f"{stream.rows:,}" in line

    rows = [{"user": 'u "3", é', "ad": 3}, {"user": None, "ad": None}, {"user": None, "more": 1}]
    scored = dlonflink(job, "predict", "versions", stdin="\n".join(map(json.dumps, rows)) + "\n\n")
    assert scored.returncode == 0, scored.stderr
    answers = [json.loads(answer) for answer in scored.stdout.splitlines()]
    assert [answer["version"] for answer in answers] == [1, 1, 1]
    expected = dlf.load(str(job / "versions")).predict(rows).scores[:, 0]
    assert np.array_equal(np.float32([answer["score"] for answer in answers]), expected)
    assert answers[1] == answers[2]


def test_the_printed_example_works(job: Path) -> None:
    done = dlonflink(job, "run", "job.py:pipeline", "--on", "local")
    line = next(line for line in done.stdout.splitlines() if f"| {TYPED} predict" in line)
    scored = subprocess.run(["bash", "-c", line], cwd=job, capture_output=True, text=True, timeout=60)
    assert scored.returncode == 0, scored.stderr
    assert 0 < json.loads(scored.stdout)["score"] < 1


def test_predict_refuses_what_is_no_row(published: Path) -> None:
    done = dlonflink(published, "predict", "versions", stdin='{"ad": 1}\n[1]\n')
    assert done.returncode == 1
    assert "stdin, line 2" in done.stderr
    done = dlonflink(published, "predict", "nowhere", stdin="{}\n")
    assert done.returncode == 1
    assert "error[version-not-found]" in done.stderr


def test_predict_names_the_line_of_its_input(published: Path) -> None:
    # Behind the first batch of 1,024 rows, and blank lines are lines.
    lines = ['{"ad": 1}', ""] * 750
    done = dlonflink(published, "predict", "versions", stdin="\n".join([*lines, '{"ad": "x"}', '{"ad": 2}']))
    assert done.returncode == 1
    assert "stdin, line 1,501\n" in done.stderr
    assert "'ad'" in done.stderr
    assert len(done.stderr.splitlines()) <= 10


@pytest.mark.parametrize(
    ("row", "fix"), [('{"price": 2, "usr": "a"}', "did you mean 'user' by 'usr'?"), ("{}", "name at least one of them")]
)
def test_predict_refuses_a_row_without_any_feature(published: Path, row: str, fix: str) -> None:
    done = dlonflink(published, "predict", "versions", stdin='{"ad": 1}\n' + row)
    assert done.returncode == 1
    assert "none of the columns that the model reads" in done.stderr
    assert "stdin, line 2" in done.stderr
    assert fix in done.stderr


def test_a_summary_that_cannot_be_written(job: Path) -> None:
    for file in ("nowhere/out.json", "."):
        done = dlonflink(job, "run", "job.py:pipeline", "--on", "local", "--summary", file)
        assert done.returncode == 2
        assert done.stderr.startswith("error[pipeline]: the summary cannot be written"), done.stderr
        assert file in done.stderr
        assert not done.stdout  # nothing ran
    # A disk that fills up meanwhile costs the file alone: the figures are told.
    done = dlonflink(job, "run", "job.py:pipeline", "--on", "local", "--summary", "/dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("error[setup]: the run is finished"), done.stderr
    assert "Traceback" not in done.stderr
    assert "next:" in done.stdout


def test_figures_that_are_undefined_are_left_out(tmp_path: Path) -> None:
    rows = "[{a: x, y: 1}, {a: x, y: 1}]"
    source = f"{{type: memory, columns: {{a: STRING, y: INT}}, rows: {rows}}}"
    text = f"name: few\nsource: {source}\nfeatures: {{hashed: [a]}}\nlabel: y\nlearner: {{type: logistic}}\n"
    (tmp_path / "few.yaml").write_text(text)
    done = dlonflink(tmp_path, "run", "few.yaml", "--on", "local")
    assert done.returncode == 0, done.stderr
    assert "AUC -   calibration" in done.stdout
    assert "with start-up)" in done.stdout
    assert "once warm" not in done.stdout


def test_versions_of_what_is_no_store(tmp_path: Path) -> None:
    done = dlonflink(tmp_path, "versions", "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error[version-not-found]: there is no such directory")
    assert "nowhere" in done.stderr
    (tmp_path / "empty").mkdir()
    done = dlonflink(tmp_path, "versions", "empty")
    assert (done.returncode, done.stdout) == (0, "no version in empty\n")


def test_version(tmp_path: Path) -> None:
    done = dlonflink(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"dlonflink {version('dlonflink')}\n")


def test_schema_is_that_of_a_pipeline(tmp_path: Path) -> None:
    done = dlonflink(tmp_path, "schema")
    assert done.returncode == 0
    schema = json.loads(done.stdout)
    assert schema["title"] == "Pipeline"
    assert set(schema["required"]) == {"name", "source", "features", "label", "learner"}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("job.py:number", "'number' is no Pipeline"),
        ("job.py:nothing", "'nothing' is no Pipeline"),
        ("nothing.py:pipeline", "no such file"),
        ("nothing.yaml", "No such file"),
        ("job", "is no pipeline"),
        ("no_such_module:pipeline", "No module named 'no_such_module'"),
        ("broken.py:pipeline", "broken.py:3"),
        ("raises.py:pipeline", "raises.py:2"),
    ],
)
def test_a_target_that_is_no_pipeline(job: Path, target: str, said: str) -> None:
    (job / "broken.py").write_text("import dlonflink as dlf\n\nlearner = dlf.FM(dimm=3)\n")
    (job / "raises.py").write_text("x = 1\ny = x / 0\n")
    done = dlonflink(job, "run", target, "--on", "local")
    assert done.returncode == 2
    assert done.stderr.startswith("error[pipeline]"), done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 10


def test_a_module_is_a_target(job: Path) -> None:
    assert dlonflink(job, "run", "job:pipeline", "--on", "local").returncode == 0


def test_a_terminal_gets_the_same_lines_and_a_live_one(job: Path) -> None:
    ours, theirs = pty.openpty()
    command = [SCRIPT, "run", "job.py:pipeline", "--on", "local"]
    process = subprocess.Popen(command, cwd=job, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    output = b""
    try:
        while chunk := os.read(ours, 4096):
            output += chunk
    except OSError:
        pass  # the terminal's other end is closed
    os.close(ours)
    assert process.wait(60) == 0
    assert b"log loss" in output
    assert b"next:" in output

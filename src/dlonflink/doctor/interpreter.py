"""The worker's interpreter: it is run, and says itself what it has."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlonflink.doctor.finding import Finding
from dlonflink.errors import DLOnFlinkError, from_json
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.runtime.explain import explain_interpreter
from dlonflink.runtime.interpreter import Interpreter
from dlonflink.settings import inherited
from dlonflink.training.files import gather

_SECONDS = 120
"""A learner's file may import a framework, from a slow disk."""


def interpreter(pipeline: Pipeline) -> Iterator[Finding]:
    """Does it start, has it what the worker and this learner need, and can it import the learner?"""
    try:
        with tempfile.TemporaryDirectory(prefix="dlf-") as scratch:
            worker = Interpreter(pipeline, Path(scratch))
            files = Path(scratch, "files")
            gather(pipeline.runtime.worker.files, files)
            said = _ask(worker, pipeline, files)
    except DLOnFlinkError as error:
        yield Finding.of("worker", error)
        return
    have = ", ".join(f"{name} {version}" for name, version in said["found"].items())
    for package, reason in said["missing"].items():
        yield Finding(f"worker: {package}", "fail", reason, f"{worker.python} -m pip install {package}")
    if said["problem"]:
        yield Finding.of("worker", from_json(said["problem"]))
    elif not said["missing"]:
        yield Finding("worker", "ok", f"{worker.python}, Python {said['python']}: {have}")


def _ask(worker: Interpreter, pipeline: Pipeline, files: Path) -> dict[str, Any]:
    learner = pipeline.learner.model_dump_json()
    command = [worker.python, "-P", "-m", "dlonflink.doctor.probe", "--learner", learner, "--path", str(files)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env={**inherited(), **worker.environment},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise explain_interpreter(worker.python, str(error)) from error
    if done.returncode:
        raise explain_interpreter(worker.python, done.stderr)
    return json.loads(done.stdout.splitlines()[-1])

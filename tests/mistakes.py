"""A mistake as a person makes it: a pipeline that is changed, a command in a process of its own, what must be said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dlonflink.errors import DLOnFlinkError, PipelineError, SchemaError

SCRIPT = str(Path(sys.executable).parent / "dlonflink")
Done = subprocess.CompletedProcess[str]

PIPELINE = """\
name: clicks
source:
  type: files
  paths: [{path}]
  format: csv
  columns: {{id: BIGINT, ts: TIMESTAMP(3), user: STRING, ad: INT, price: DOUBLE, click: INT}}
  key: [id]
features:
  hashed: [user, ad]
label: click
learner: {{type: logistic}}
export: {{to: versions}}
"""
ONE_RESTART = """\
runtime: {{flink: {{options: {{restart-strategy.exponential-delay.attempts-before-reset-backoff: "1"}}}}}}
"""


@dataclass(frozen=True)
class Mistake:
    """What is changed in the pipeline and around it, and what must be said."""

    cause: str
    """Stands in the first line."""
    place: str
    fix: str
    changes: tuple[tuple[str, str], ...] = ()
    environment: dict[str, str] = field(default_factory=dict[str, str])
    on: tuple[str, ...] = ("flink", "local")
    error: type[DLOnFlinkError] | None = None
    prepare: Callable[[Path], object] = lambda _: None
    """Gets the folder that the command will run in, with clicks.csv in it."""
    pipeline: str = PIPELINE + ONE_RESTART


def run(folder: Path, text: str, on: str, environment: dict[str, str], *options: str) -> Done:
    (folder / "pipeline.yaml").write_text(text)
    command = [SCRIPT, "run", "pipeline.yaml", "--on", on, *options]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=110, env={**os.environ, **environment}
    )


def check(done: Done, mistake: Mistake) -> None:
    lines = done.stderr.splitlines()
    assert 0 < len(lines) <= 10, done.stderr + done.stdout
    assert mistake.cause in lines[0], done.stderr
    for part in (mistake.place, mistake.fix):
        assert part in done.stderr, done.stderr
    for word in ("Traceback", "Exception", "\tat ", "org.apache.flink."):
        assert word not in done.stderr, done.stderr
    if mistake.error is None:
        assert lines[0].startswith("error["), done.stderr
        assert done.returncode in (1, 2), done.stderr
    else:
        assert lines[0].startswith(f"error[{mistake.error.code}]: "), done.stderr
        assert done.returncode == (2 if issubclass(mistake.error, PipelineError | SchemaError) else 1), done.stderr

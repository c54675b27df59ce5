"""One format for every line of a run's logs, whoever wrote it."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Any

import dlonflink as dlf
from dlonflink.runtime.flink import PATTERN
from dlonflink.worker.log import Lines

LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z) (?P<level>TRACE|DEBUG|INFO |WARN |ERROR|FATAL) "
    r"(?P<name>\S+) run=(?P<run>\S+) attempt=(?P<attempt>\d+|-) checkpoint=(?P<checkpoint>\d+|-) "
    r"(?P<logger>\S+): (?P<message>.*)"
)
RESTORED = re.compile(r"attempt=1 checkpoint=\d+ .* ready")
GOES_ON = "    "
"""Begins a line that belongs to the one before it."""

LEARNER = '''
import logging
import warnings
from pathlib import Path

import numpy as np

from dlonflink import Learner, Snapshot

log = logging.getLogger("mine.learner")


class FailsOnce(Learner):
    """Raises after its second snapshot, in the run's first life."""

    def __init__(self, inputs, mark):
        self.mark, self.snapshots = Path(mark), 0
        log.info("built\\nof two lines")
        warnings.warn("this is odd")

    def predict(self, batch):
        return np.full((len(batch), 1), 0.5, np.float32)

    def learn(self, batch, truth):
        if self.snapshots >= 2 and not self.mark.exists():
            self.mark.touch()
            raise ValueError("once")
        return self.predict(batch)

    def snapshot(self):
        self.snapshots += 1
        return Snapshot(weights={"none": np.zeros(1, np.float32)})

    def restore(self, snapshot):
        log.warning("restored")
'''

QUERY = "SELECT id, MOD(id, 7) AS a, CASE WHEN MOD(id, 3) = 0 THEN 1 ELSE 0 END AS click FROM source"


def numbers(**changes: Any) -> dlf.Pipeline:
    """The numbers, 2,000 a second, without end."""
    ddl = "CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000')"
    sections: dict[str, Any] = {
        "name": "numbers",
        "source": dlf.SqlSource(ddl=ddl, table="numbers", query=QUERY),
        "features": dlf.Features(hashed=("a",)),
        "label": "click",
        "learner": dlf.Logistic(),
        "checkpoint": dlf.Checkpoint(every="300 ms"),
    }
    return dlf.Pipeline(**(sections | changes))


def lines(file: Path) -> list[dict[str, str]]:
    """Every line, parsed; one that goes on with the line before is part of its message."""
    parsed: list[dict[str, str]] = []
    for line in file.read_text().splitlines():
        if line.startswith(GOES_ON):
            parsed[-1]["message"] += f"\n{line.removeprefix(GOES_ON)}"
            continue
        match = LINE.fullmatch(line)
        assert match, line
        parsed.append(match.groupdict())
    return parsed


def test_every_line_of_a_run_has_one_format(home: Path, tmp_path: Path) -> None:
    learner = tmp_path / "learner.py"
    learner.write_text(LEARNER)
    kind = dlf.Custom(type=f"{learner}:FailsOnce", mark=str(tmp_path / "mark"), batch=64)
    logs = home / "numbers" / "logs"
    with dlf.start(numbers(learner=kind), on="flink") as job:
        for _ in job.progress("200 ms"):
            if sum(bool(RESTORED.search(file.read_text())) for file in logs.glob("*-[fw]*.log")) == 2:
                break
    (flink,), (worker,) = logs.glob("*-flink.log"), logs.glob("*-worker.log")
    (run,) = {line["run"] for line in lines(worker)}
    assert flink.name == f"{run}-flink.log"
    for file in (flink, worker):
        parsed = lines(file)
        assert {line["name"] for line in parsed} == {"numbers"}
        assert {line["run"] for line in parsed} - {"-"} == {run}
        assert {line["attempt"] for line in parsed} >= {"0", "1"}
        assert any(line["attempt"] == "1" and line["checkpoint"].isdigit() for line in parsed), file
        assert any("\nTraceback" in line["message"] or "\n\tat " in line["message"] for line in parsed), file
    told = [(line["logger"], line["level"].strip(), line["message"]) for line in lines(worker)]
    assert ("mine.learner", "INFO", "built\nof two lines") in told
    assert ("mine.learner", "WARN", "restored") in told
    assert any(logger == "py.warnings" and "this is odd" in message for logger, _, message in told)


def test_a_line_of_the_worker() -> None:
    format_ = Lines("flights")
    record = logging.LogRecord("dlonflink.worker.loop", logging.INFO, __file__, 1, "read %s", ("a\n\nb\n",), None)
    record.created = 1_795_521_601.2345
    assert format_.format(record) == (
        "2026-11-24 12:00:01.234Z INFO  flights run=- attempt=- checkpoint=- dlonflink.worker.loop: read a\n    \n    b"
    )
    format_.run, format_.attempt, format_.checkpoint = "r1", 2, 12
    try:
        raise ValueError("of old")
    except ValueError:
        record.exc_info = sys.exc_info()
    first, *rest = format_.format(record).split("\n")
    assert " flights run=r1 attempt=2 checkpoint=12 dlonflink.worker.loop: " in first
    assert rest[-1] == "    ValueError: of old"
    assert all(line.startswith(GOES_ON) for line in rest)


def test_the_pattern_for_a_cluster_is_ours() -> None:
    """Only that the name of a pipeline and its run are its threads' to say."""
    name, run = "%equals{%X{dlonflink-name}}{}{-}", "%equals{%X{dlonflink-run}}{}{-}"
    page = Path(__file__).parent.parent / "docs" / "metrics.md"
    assert PATTERN.format(name=name, run=run).replace("\\", "\\\\") in page.read_text()

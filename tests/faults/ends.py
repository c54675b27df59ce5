"""A run ended at any moment, by each way there is: nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import dlonflink as dlf
from dlonflink.errors import DLOnFlinkError
from dlonflink.runtime.control import Submitted
from dlonflink.runtime.rest import Rest
from dlonflink.testing.faults import Outcome
from faults.case import Case, Fault
from witnessed import processes

_SCRIPT = str(Path(sys.executable).parent / "dlonflink")
_LONGEST = 15.0
"""Seconds that a run is let go on: from nothing but a Python to rows that are learned."""
_SOON = 5.0
_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}

_DDL = """
    CREATE TABLE numbers (id BIGINT) WITH (
        'connector' = 'datagen', 'rows-per-second' = '1000',
        'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '100000'
    )
"""
_QUERY = """
    SELECT id, TO_TIMESTAMP_LTZ(id * 1000, 3) AS ts, MOD(id, 7) AS a, MOD(id, 11) AS b,
           CASE WHEN MOD(id, 3) = 0 THEN 1 ELSE 0 END AS click
    FROM source
"""

End = Callable[[Case, subprocess.Popen[str]], None]


def _ended(end: End) -> Fault:
    def run(case: Case) -> Outcome:
        source = dlf.SqlSource(ddl=_DDL, table="numbers", query=_QUERY, event_time="ts", key=("id",))
        (case.folder / "run.yaml").write_text(case.pipeline(source=source).to_yaml())
        with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as scratch:
            process = subprocess.Popen(
                [_SCRIPT, "run", "run.yaml", "--on", "flink"],
                cwd=case.folder,
                env={**os.environ, "TMPDIR": scratch},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            threading.Event().wait(case.chance.uniform(0.3, _LONGEST))
            begun = time.time()
            end(case, process)
            printed = process.communicate(timeout=60)
            gone = time.monotonic() + _SOON
            while left := _left(Path(scratch), case.folder):
                assert time.monotonic() < gone, (left, printed)
                threading.Event().wait(0.05)
            return Outcome(1, 0, 0, bit_equal=True, restarts=0, recovery=(time.time() - begun,))

    return run


def _left(scratch: Path, folder: Path) -> list[str]:
    """Processes that speak of the run's places, and what lies where its temporary files were: sockets, too."""
    named = [line for line in processes().values() if f"{scratch}/" in line or f"{folder}/" in line]
    return named + [str(one) for one in scratch.rglob("*")]


def _signalled(number: signal.Signals) -> Fault:
    def end(_: Case, process: subprocess.Popen[str]) -> None:
        process.send_signal(number)
        code = process.wait(60)
        # Before Python has come to us, the signal does what it always does.
        assert code in (_CODES[number], -number), process.communicate()

    return _ended(end)


def _cancel(case: Case, process: subprocess.Popen[str]) -> None:
    """By the web UI's button, once there is a job; before, by its client."""
    try:
        job = Submitted.of(case.name)
        Rest(str(job.web), str(job.job_id)).cancel()
    except (DLOnFlinkError, OSError, ValueError):
        process.terminate()


FAULTS: Mapping[str, Fault] = {
    "end-ctrl-c": _signalled(signal.SIGINT),
    "end-sigterm": _signalled(signal.SIGTERM),
    "end-cancel": _ended(_cancel),
}

"""A stream whose every row is told apart, and what learns it when nothing goes wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlonflink as dlf
from dlonflink.runtime.base import Summary
from dlonflink.store.store import Store

ROWS = 160_000
COLUMNS = {"id": "BIGINT", "ts": "TIMESTAMP(3)", "a": "INT", "b": "INT", "click": "INT"}

WITNESS = dlf.Custom(type="dlonflink.testing.oracle:Witness", ids=ROWS + 1, batch=4_000, max_wait="1 h")
"""Its rows wait for their batch, and go with the snapshot; the end takes the rest."""
LONGER = WITNESS.model_copy(update={"batch": 2_000})
"""The same result after twice the time, for faults from outside: under faults each batch takes a tenth of a second."""
FM = dlf.FM(dim=4)


def numbers(*, name: str = "numbers", learner: dlf.Custom | dlf.FM = WITNESS, **changes: Any) -> dlf.Pipeline:
    """The numbers from 1 to ROWS, in their order. Of a file, which does not run ahead of a worker that starts."""
    sections: dict[str, Any] = {
        "name": name,
        "source": dlf.FileSource(paths=(str(file()),), format="csv", columns=COLUMNS, event_time="ts", key=("id",)),
        "features": dlf.Features(hashed=("a", "b"), crossed=(("a", "b"),)),
        "label": "click",
        "learner": learner,
        "checkpoint": dlf.Checkpoint(every="300 ms"),
    }
    return dlf.Pipeline(**(sections | changes))


@cache
def undisturbed(learner: dlf.Custom | dlf.FM = WITNESS) -> Summary:
    """The same rows, learned without Flink."""
    return dlf.run(numbers(name="undisturbed", learner=learner), on="local")


@cache
def file(first: int = 1, last: int = ROWS) -> Path:
    """In a folder that goes with this process."""
    path = Path(_folder().name, f"numbers-{first}-{last}.csv")
    lines = (f"{one},{_time(one)},{one % 7},{one % 11},{int(one % 3 == 0)}\n" for one in range(first, last + 1))
    path.write_text("".join(["id,ts,a,b,click\n", *lines]))
    return path


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="numbers-")


def _time(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}.000"


def check_versions(home: Path, name: str, store: Path) -> None:
    """One version of a checkpoint, and only of one that was completed; and of each that a worker went on from, whether
    its COMMIT had come or not. As the store, Flink and the worker of an embedded run have written it down.
    """
    published = [(one.origin.run, one.origin.checkpoint) for one in Store(str(store)).versions()]
    completed, restored = set[tuple[str, int]](), set[int]()
    for log in (home / name / "logs").glob("*-flink.log"):
        run = log.name.removesuffix("-flink.log")
        completed |= {(run, int(one)) for one in re.findall(r"Completed checkpoint (\d+) for job", log.read_text())}
    for log in (home / name / "logs").glob("*-worker.log"):
        restored |= _gone_on_from(log.read_text())
    assert len(set(published)) == len(published), f"twice: {published}"
    # A run that was resumed makes good, under its own name, what the run before it has completed.
    wrong = {one for one in published if one not in completed and one[1] not in restored}
    assert not wrong, f"never completed: {wrong}, of {completed}"
    missing = restored - {checkpoint for _, checkpoint in published}
    assert not missing, f"not made good: {missing}"


def _gone_on_from(log: str) -> set[int]:
    """Checkpoints that held a learned row: others are no versions."""
    found, newest = set[int](), None
    for line in log.splitlines():
        if match := re.search(r"restored checkpoint (\d+) of run", line):
            newest = int(match[1])
        elif (match := re.search(r"ready, ([\d,]+) rows learned before", line)) and newest is not None:
            found |= {newest} if match[1] != "0" else set()
            newest = None
    return found


def workers(name: str) -> list[int]:
    """The processes of a pipeline's workers, as anybody finds them: by their command line."""
    return [pid for pid, line in processes().items() if f"-m dlonflink.worker {name} /" in line]


def processes() -> dict[int, str]:
    """The command line of each process that has one."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue
        if line:
            found[int(entry.name)] = line
    return found

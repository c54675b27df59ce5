"""What became of a run whose client has gone: its cluster is asked, and the answer is written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dlonflink.errors import SetupError
from dlonflink.runtime.base import Summary, summary
from dlonflink.runtime.record import Record, State, settle, write_json
from dlonflink.runtime.rest import Rest
from dlonflink.store.store import Store

_ENDS: dict[str, State] = {"FINISHED": "finished", "FAILED": "failed", "CANCELED": "stopped"}


def conclude(base: Path, record: Record) -> tuple[Record, bool]:
    """The record as it is now, and whether its job is under way. A job that its cluster does not know is not, nor is
    one whose cluster was its client's own and is gone; the record then stays as it is. The caller holds the lock.

    Raises SetupError where a cluster does not answer: the job may well go on.
    """
    if record.state != "running" or record.web is None or record.job_id is None:
        return record, False
    rest = Rest(record.web, record.job_id)
    try:
        job = rest.job()
        state = _ENDS.get(job["state"])
        if state is None:
            return record, True
        report = rest.last_report() if state == "finished" else None
        checkpoints = rest.all_checkpoints() if report else 0
    except FileNotFoundError:
        return record, False
    except OSError as error:
        if not record.remote:
            return record, False
        raise SetupError(
            "the cluster that runs this pipeline does not answer, so that nobody knows whether it still does",
            where=f"{record.web}, job {record.job_id}",
            got=str(error),
            fix=f'try again when it does; if it is gone for good, write "failed" as the state in {record.file(base)}',
        ) from error
    if state == "finished" and report is None:
        return settle(base, record, "stopped"), False  # with a savepoint, before the end of its input
    if report is not None:
        folder = base / "runs" / record.run
        plan: dict[str, Any] = json.loads((folder / "plan.json").read_text())
        export = plan["worker"][0]["export"]
        done = summary(
            {**report, "version": last_version(export["to"], record.run) if export else None},
            seconds=job["duration"] / 1000,
            steady=0.0,
            checkpoints=checkpoints,
            restarts=int(report.get("attempt", 0)),
        )
        write_json(folder / "summary.json", done.to_json())
    return settle(base, record, state), False


def last_version(store: str, run: str) -> int | None:
    """The newest that a run published."""
    return next((one.number for one in Store(store).versions() if one.origin.run == run), None)


def read_summary(base: Path, record: Record) -> Summary | None:
    """That of a run that has finished."""
    file = base / "runs" / record.run / "summary.json"
    if not file.exists():
        return None
    read: dict[str, Any] = json.loads(file.read_text())
    # An older release's says nothing of these.
    counts: dict[str, Any] = {"received": read["rows"] + read["rejected"], "in_flight": 0}
    return Summary(**(counts | read))

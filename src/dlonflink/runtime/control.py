"""A run seen from another process than the one that started it: how it goes, a savepoint, its end."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from dlonflink.errors import PipelineError, SetupError
from dlonflink.runtime.base import in_flight, received
from dlonflink.runtime.explain import brief
from dlonflink.runtime.outcome import conclude, read_summary
from dlonflink.runtime.record import Record, left, lock, settle, there
from dlonflink.runtime.rest import Rest
from dlonflink.settings import home


@dataclass(frozen=True)
class RunStatus:
    """What is known of a pipeline's newest run."""

    name: str
    run: str
    state: str
    """running, restarting, "waiting for a task slot" (a cluster has none free), finished, failed or stopped; lost:
    neither its client nor its cluster knows of it."""
    rows: int = 0
    rejected: int = 0
    """Bad rows, of the source and of the worker."""
    received: int = 0
    """Rows that came, over restarts and resumes."""
    in_flight: int = 0
    """Of those, neither learned nor rejected yet."""
    metrics: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    """Over all rows: logloss, auc, auc_bound, calibration."""
    event_time: str | None = None
    checkpoints: int = 0
    restarts: int = 0
    version: int | None = None
    """The newest published."""
    failure: str | None = None
    """The newest, in one line."""
    resumes_from: str | None = None
    """URL of the checkpoint or savepoint that `resume` would go on from."""
    others: Mapping[str, str] = field(default_factory=dict[str, str])
    """URLs of others that `resume` takes by name, newest first -> when they were complete, ISO 8601 UTC."""
    web: str | None = None
    job_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Submitted:
    """The newest run of a pipeline, which goes on without this process: on a cluster, or in another process."""

    name: str
    run: str
    web: str | None
    """Address of Flink's web UI; None where the run never got to a cluster."""
    job_id: str | None

    @classmethod
    def of(cls, name: str) -> Self:
        """Raises PipelineError where no pipeline of this name ever ran from here."""
        record = _record(name)
        return cls(name, record.run, record.web, record.job_id)

    def status(self) -> RunStatus:
        """How it goes, or went; what a cluster says of a run that has ended is written down."""
        record, base = _record(self.name), home() / self.name
        with _held(base, self.name) as alone:
            busy = not alone
            if alone:
                record, busy = conclude(base, record)
        told = RunStatus(self.name, record.run, record.state, web=record.web, job_id=record.job_id)
        if record.state == "running":
            return _live(told, record) if busy else _resumable(replace(told, state="lost"), base, record)
        done = read_summary(base, record)
        if done is None:
            return _resumable(told, base, record)
        return replace(
            told,
            rows=done.rows,
            rejected=done.rejected,
            received=done.received,
            in_flight=done.in_flight,
            metrics=done.metrics,
            checkpoints=done.checkpoints,
            restarts=done.restarts,
            version=done.version,
        )

    def savepoint(self) -> str:
        """Makes one, and gives its URL. The run goes on."""
        record, rest = self._job()
        with _answering(record):
            return rest.savepoint(record.checkpoints)

    def stop(self) -> str:
        """Ends the run with a savepoint, from which `resume` goes on, and gives its URL."""
        record, rest = self._job()
        with _answering(record):
            place = rest.stop(record.checkpoints)
        base = home() / self.name
        with _held(base, self.name) as alone:
            if alone:  # else its own client writes it down
                settle(base, record, "stopped")
        return place

    def _job(self) -> tuple[Record, Rest]:
        record = _record(self.name)
        if record.state != "running" or record.web is None or record.job_id is None:
            state = record.state if record.state != "running" else "it is not on a cluster, or not yet"
            raise PipelineError(f"no run of {self.name!r} is under way", got=state, where=str(home() / self.name))
        return record, Rest(record.web, record.job_id)


def _record(name: str) -> Record:
    base = home() / name
    record = Record.last(base)
    if record is None:
        raise PipelineError(
            f"{name!r} has never run from here", where=str(base), fix="set DLONFLINK_HOME, or go where it was started"
        )
    return record


def _resumable(told: RunStatus, base: Path, record: Record) -> RunStatus:
    newest = left(record)
    others = {one.url: one.made.isoformat(timespec="seconds") for one in there(base) if one.url != newest}
    return replace(told, resumes_from=newest, others=others)


def _live(told: RunStatus, record: Record) -> RunStatus:
    """A run under way: on its way to a cluster, or on one."""
    if record.web is None or record.job_id is None:
        return told
    with _answering(record):
        status = Rest(record.web, record.job_id).status()
    report: Mapping[str, Any] = status.report or {}
    waiting = "waiting for a task slot" if status.waiting else "running"
    return replace(
        told,
        state="restarting" if status.state == "RESTARTING" else waiting,
        rows=int(report.get("rows", 0)),
        rejected=int(report.get("rejected", 0)),
        received=received(report),
        in_flight=in_flight(report),
        metrics=report.get("metrics", {}),
        event_time=report.get("event_time"),
        checkpoints=status.checkpoints,
        restarts=status.restarts,
        version=report.get("version"),
        failure=brief(status.failure) if status.failure else None,
    )


@contextmanager
def _held(base: Path, name: str) -> Generator[bool]:
    """Whether the run has no client; while within, it gets none."""
    try:
        held = lock(base, name)
    except SetupError:
        yield False
        return
    with held:
        yield True


@contextmanager
def _answering(record: Record) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            "the cluster does not answer, or does not know the job",
            where=f"{record.web}, job {record.job_id}",
            got=str(error),
            fix="if it is gone for good, --resume goes on from the newest checkpoint",
        ) from error

"""What a started pipeline is to its caller, whatever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from dlonflink.errors import DataError

METRICS = ("auc", "auc_bound", "logloss", "calibration")
WARM = 0.4
"""Share of the rows that the steady rate leaves out."""


@dataclass(frozen=True)
class Progress:
    """A look at a running job."""

    phase: str
    """What goes on: `starting the JVM`, ..., `learning`, `restarting`, `finished`."""
    seconds: float
    """Since the start of the pipeline."""
    rows: int = 0
    rows_per_second: float = 0.0
    """Since the progress before."""
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    """Over all rows: logloss, auc, auc_bound, calibration."""
    window: Mapping[str, float] = field(default_factory=dict[str, float])
    """The same over the newest window."""
    checkpoints: int = 0
    restarts: int = 0
    event_time: str | None = None
    """The newest row's, ISO 8601 UTC."""
    version: int | None = None
    """The newest published."""
    rejected: int = 0
    """Bad rows so far."""
    received: int = 0
    """Rows that came so far, over restarts and resumes."""
    in_flight: int = 0
    """Of those, neither learned nor rejected yet: they wait for their batch, or are on their way to the learner."""
    web: str | None = None
    """Address of Flink's web UI."""
    prometheus: str | None = None
    """Address of the page for Prometheus, where `runtime.metrics.prometheus` asks for one."""


@dataclass(frozen=True)
class Summary:
    """What a finished pipeline did; `to_json` is what `--summary FILE` writes.

    Every row that came is learned or rejected: `received` = `rows` + `rejected` + `in_flight`, which is 0 at the end.

    `seconds` and `rows_per_second` are the whole run's, start-up and last checkpoint included. `steady_rows_per_second`
    leaves out start-up and the first 40 % of the rows: it runs from the first report with at least that many rows to
    the last row. A run too short for two such reports counts from its first row.
    """

    rows: int
    seconds: float
    rows_per_second: float
    steady_rows_per_second: float
    metrics: Mapping[str, float | None]
    windows: tuple[Mapping[str, Any], ...]
    rejected: int
    received: int
    in_flight: int
    checkpoints: int
    restarts: int
    version: int | None
    state_digest: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Pace:
    """Rows over time, from reports: how fast, and how fast once warm."""

    def __init__(self) -> None:
        self._points: list[tuple[float, int]] = []

    def add(self, seconds: float, rows: int) -> float:
        """Takes rows so far at a time; gives the rate since the point before. Rows may fall back (a restart)."""
        while self._points and self._points[-1][1] > rows:
            self._points.pop()
        rate = 0.0
        if self._points and seconds > self._points[-1][0]:
            before, then = self._points[-1]
            rate = (rows - then) / (seconds - before)
        self._points.append((seconds, rows))
        return rate

    def steady(self) -> float:
        """Rows per second as `Summary` defines it; 0 where nothing was seen."""
        if not self._points:
            return 0.0
        end, total = self._points[-1]
        # The last report may repeat the count of one before: the rows were over by then.
        end = next(seconds for seconds, rows in self._points if rows == total)
        moved = [(seconds, rows) for seconds, rows in self._points if seconds < end]
        warm = [(seconds, rows) for seconds, rows in moved if rows >= WARM * total]
        start, first = (warm or moved or [(end, total)])[0]
        return (total - first) / (end - start) if end > start else 0.0


def received(report: Mapping[str, Any]) -> int:
    """Rows that came, as a report has them."""
    return int(report.get("received", 0))


def in_flight(report: Mapping[str, Any]) -> int:
    """Rows of a report that came and are neither learned nor rejected."""
    return received(report) - int(report.get("rows", 0)) - int(report.get("rejected", 0))


def summary(report: Mapping[str, Any], *, seconds: float, steady: float, checkpoints: int, restarts: int) -> Summary:
    """The summary of a run from the trainer's last report. DataError where there was nothing to learn from."""
    rows = int(report["rows"])
    if rows == 0:
        raise DataError(
            "the source gave no row: nothing was learned",
            where="source",
            fix="look into the files, and at what source.query leaves of them",
        )
    metrics: Mapping[str, float | None] = report["metrics"]
    return Summary(
        rows=rows,
        seconds=round(seconds, 3),
        rows_per_second=round(rows / seconds, 1) if seconds > 0 else 0.0,
        steady_rows_per_second=round(steady, 1),
        metrics={name: metrics.get(name) for name in METRICS},
        windows=tuple(report["windows"]),
        rejected=int(report.get("rejected", 0)),
        received=received(report),
        in_flight=in_flight(report),
        checkpoints=checkpoints,
        restarts=restarts,
        version=report.get("version"),
        state_digest=report.get("state_digest"),
    )


class Job(ABC):
    """A started pipeline. `with start(...) as job` stops it when the block is left.

    Every method may be called from one thread at a time; failures of the job are raised where it is waited for.
    """

    @abstractmethod
    def progress(self, every: str = "1 s") -> Iterator[Progress]:
        """A progress each `every`, and one at every change of phase; ends with the job, raises its error."""

    @abstractmethod
    def wait(self) -> Summary:
        """Blocks until the end. Raises the job's error."""

    @abstractmethod
    def stop(self) -> None:
        """Ends the job and every process of it within seconds; nothing happens where it has ended. A job on Flink keeps
        its newest checkpoint, from which `resume` goes on.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

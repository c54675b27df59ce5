"""Where a run's things lie, and what became of it.

    <home>/<name>/
        lock                     held while a run is under way
        runs/<run>/              plan.json, state.json, summary.json
        logs/<run>-*.log         flink, worker, and what the JVM printed
        checkpoints/<run>/       Flink's (or `checkpoint.dir`/<run>)
        versions/                unless `export.to` says otherwise
    <tmp>/dlf-xxxxxxxx/          sockets and Flink's temporary files, swept at the end, or by the next start

Run names begin with the time, so that they sort.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

import fsspec  # pyright: ignore[reportMissingTypeStubs]

from dlonflink.errors import PipelineError, ResumeError, SetupError
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.settings import home

State = Literal["running", "finished", "failed", "stopped"]

LONGEST_SCRATCH = 60
"""A Unix socket's path has to stay under 108 bytes; Java's part of it is about 40."""


class RunDirectory:
    """One run's places. Made by `open`; `close` says what became of the run and sweeps."""

    def __init__(self, pipeline: Pipeline, run: str, base: Path, lock: IO[bytes]) -> None:
        self.run = run
        self.base = base
        self.path = base / "runs" / run
        self.logs = base / "logs"
        self.scratch = _scratch()
        self.checkpoint_base = checkpoint_base(pipeline, base)
        self.resumed_from: str | None = None
        self._lock = lock

    @classmethod
    def open(cls, pipeline: Pipeline, *, fresh: bool, resume: bool) -> Self:
        """Raises PipelineError where the last run did not finish and neither `fresh` nor `resume` is said, ResumeError
        where there is nothing to resume from, SetupError where another run of this name is under way.
        """
        base = home() / pipeline.name
        lock = _lock(base, pipeline.name)
        try:
            last = _last(base)
            if last is not None:
                _sweep(last)
            checkpoint = None if last is None else _left(pipeline, base, last)
            if resume and checkpoint is None:
                raise ResumeError(_nothing(pipeline.name, last), where=str(base), fix="start it with --fresh")
            if checkpoint is not None and not (fresh or resume):
                assert last is not None
                raise PipelineError(
                    f"the last run of {pipeline.name!r} did not finish ({last['state']})",
                    where=str(base / "runs" / last["run"]),
                    fix="--resume goes on from its newest checkpoint, --fresh starts over",
                )
            run = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
            directory = cls(pipeline, run, base, lock)
            directory.resumed_from = checkpoint if resume else None
            directory.path.mkdir(parents=True)
            directory.logs.mkdir(parents=True, exist_ok=True)
            directory.write("running")
        except BaseException:
            lock.close()
            raise
        return directory

    @property
    def checkpoints(self) -> str:
        """URL of the run's checkpoints."""
        return f"{self.checkpoint_base}/{self.run}"

    @property
    def resumed_run(self) -> str | None:
        """The run whose checkpoint this one goes on from."""
        if self.resumed_from is None:
            return None
        return self.resumed_from.removeprefix(self.checkpoint_base).strip("/").partition("/")[0]

    def log(self, kind: str) -> Path:
        return self.logs / f"{self.run}-{kind}.log"

    def write(self, state: State) -> None:
        """Writes down what has become of the run, so far."""
        record = {
            "run": self.run,
            "state": state,
            "resumed_from": self.resumed_from,
            "scratch": str(self.scratch),
        }
        _write(self.path / "state.json", record)

    def write_json(self, name: str, value: object) -> Path:
        """`value` as `name` in the run's directory."""
        return _write(self.path / name, value)

    def close(self, state: State) -> None:
        """Says what became of the run, sweeps the temporary files, lets go of the lock. Once."""
        try:
            self.write(state)
            if state == "finished":
                # Nothing can be resumed before a finished run: its checkpoints, and those before it, are of no use.
                _drop(self.checkpoint_base, [entry.name for entry in (self.base / "runs").iterdir()])
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
            self._lock.close()


def checkpoint_base(pipeline: Pipeline, base: Path) -> str:
    """URL under which each run has its checkpoints."""
    written = pipeline.checkpoint.dir
    if written is None:
        return (base / "checkpoints").as_uri()
    return written.rstrip("/") if "://" in written else Path(written).absolute().as_uri()


def _scratch() -> Path:
    path = Path(tempfile.mkdtemp(prefix="dlf-"))
    if len(str(path)) > LONGEST_SCRATCH:
        path.rmdir()
        raise SetupError(
            "the path for temporary files is too long for a socket",
            where=str(path),
            expected=f"at most {LONGEST_SCRATCH} characters",
            fix="set TMPDIR to a shorter one, e.g. /tmp",
        )
    return path


def _lock(base: Path, name: str) -> IO[bytes]:
    try:
        base.mkdir(parents=True, exist_ok=True)
        lock = (base / "lock").open("wb")
    except OSError as error:
        raise SetupError(f"cannot write: {error.strerror}", where=str(base), fix="set DLONFLINK_HOME") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise SetupError(
            f"another run of {name!r} is under way", where=str(base), fix="stop it first, or give this one another name"
        ) from None
    return lock


def _last(base: Path) -> dict[str, Any] | None:
    for state in sorted((base / "runs").glob("*/state.json"), reverse=True):
        return json.loads(state.read_text())
    return None


def _sweep(last: dict[str, Any]) -> None:
    """What a killed client left behind. The lock is ours, so nobody uses it."""
    scratch = Path(last["scratch"])
    if scratch.name.startswith("dlf-"):
        shutil.rmtree(scratch, ignore_errors=True)


def _left(pipeline: Pipeline, base: Path, last: dict[str, Any]) -> str | None:
    """URL of the checkpoint an unfinished last run can go on from: its newest, else the one it had begun from."""
    if last["state"] == "finished":
        return None
    url = f"{checkpoint_base(pipeline, base)}/{last['run']}"
    filesystem, path = _filesystem(url)
    found: dict[str, dict[str, Any]] = filesystem.find(path, detail=True) if filesystem.exists(path) else {}
    complete = [name for name in found if name.endswith("/_metadata")]
    if not complete:
        return last["resumed_from"]
    # Job ids say nothing about time; a checkpoint's _metadata is written last.
    newest = max(complete, key=lambda name: (filesystem.modified(name), name))
    return filesystem.unstrip_protocol(newest.removesuffix("/_metadata"))


def _filesystem(url: str) -> tuple[Any, str]:
    return cast("tuple[Any, str]", fsspec.url_to_fs(url))  # pyright: ignore[reportUnknownMemberType]


def _drop(base: str, runs: list[str]) -> None:
    filesystem, path = _filesystem(base)
    for run in runs:
        if filesystem.exists(f"{path}/{run}"):
            filesystem.rm(f"{path}/{run}", recursive=True)


def _nothing(name: str, last: dict[str, Any] | None) -> str:
    if last is None:
        return f"{name!r} has never run: there is nothing to resume"
    if last["state"] == "finished":
        return f"the last run of {name!r} finished: there is nothing to resume"
    return f"the last run of {name!r} left no checkpoint"


def _write(path: Path, value: object) -> Path:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=2) + "\n")
    return part.replace(path)

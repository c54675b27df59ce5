"""Where a run's things lie, and what became of it.

    <home>/<name>/
        lock                     held while a run is under way
        runs/<run>/              pipeline.json, plan.json, state.json, summary.json
        logs/<run>-*.log         flink, worker, and what the JVM printed
        checkpoints/<run>/       Flink's (or `checkpoint.dir`/<run>)
        versions/, rejects/      unless `export.to` and `source.rejects.to` say otherwise
    <tmp>/dlf-xxxxxxxx/          sockets and Flink's temporary files, swept at the end, or by the next start

Run names begin with the time, so that they sort.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self

from dlonflink.errors import PipelineError, ResumeError, SetupError
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.runtime.outcome import conclude
from dlonflink.runtime.record import Record, Resumable, State, left, lock, named, settle, there, write_json
from dlonflink.settings import home

LONGEST_SCRATCH = 60
"""A Unix socket's path has to stay under 108 bytes; Java's part of it is about 40."""


class RunDirectory:
    """One run's places. Made by `open`; `close` says what became of the run and sweeps."""

    def __init__(self, pipeline: Pipeline, run: str, base: Path, lock: IO[bytes], resumed_from: str | None) -> None:
        self.run = run
        self.base = base
        self.path = base / "runs" / run
        self.logs = base / "logs"
        self.scratch = _scratch()
        self.checkpoints = f"{checkpoint_base(pipeline, base)}/{run}"
        """URL of the run's checkpoints."""
        self.resumed_from = resumed_from
        self.remote = pipeline.runtime.flink.target == "remote"
        self._record = Record(
            run=run,
            state="running",
            resumed_from=resumed_from,
            scratch=str(self.scratch),
            checkpoints=self.checkpoints,
            remote=self.remote,
        )
        self._lock = lock
        self._out_of_reach = False

    @classmethod
    def open(cls, pipeline: Pipeline, *, fresh: bool, resume: bool | str) -> Self:
        """`resume`: from the newest checkpoint, or from that of this URL. Raises PipelineError where the last run did
        not finish and neither `fresh` nor `resume` is said, ResumeError where there is nothing to resume from,
        SetupError where another run of this name is under way.
        """
        base = home() / pipeline.name
        held = lock(base, pipeline.name)
        try:
            last = Record.last(base)
            if last is not None:
                last = _ended(base, pipeline.name, last)
                _sweep(last)
            checkpoint = _chosen(base, resume) if isinstance(resume, str) else None if last is None else left(last)
            if resume and checkpoint is None:
                raise ResumeError(_nothing(pipeline.name, last), where=str(base), fix="start it with --fresh")
            if checkpoint is not None and last is not None and not (fresh or resume):
                raise PipelineError(
                    f"the last run of {pipeline.name!r} did not finish ({last.state})",
                    where=str(base / "runs" / last.run),
                    fix="--resume goes on from its newest checkpoint, --fresh starts over",
                )
            run = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
            directory = cls(pipeline, run, base, held, checkpoint if resume else None)
            directory.path.mkdir(parents=True)
            directory.logs.mkdir(parents=True, exist_ok=True)
            directory._record.write(base)
        except BaseException:
            held.close()
            raise
        return directory

    @property
    def resumed_run(self) -> str | None:
        """The run whose checkpoint this one goes on from, where it is one of this pipeline's."""
        url = f"{self.resumed_from}/"
        every = Record.every(self.base)
        return next((one.run for one in every if one.checkpoints and url.startswith(f"{one.checkpoints}/")), None)

    def log(self, kind: str) -> Path:
        return self.logs / f"{self.run}-{kind}.log"

    def submitted(self, web: str, job_id: str, *, detached: bool = False) -> None:
        """Writes down where the job is, so that other processes can ask how it goes."""
        self._record = replace(self._record, web=web, job_id=job_id, detached=detached)
        self._record.write(self.base)

    def write_json(self, name: str, value: object) -> Path:
        """`value` as `name` in the run's directory."""
        return write_json(self.path / name, value)

    def lose_sight(self) -> None:
        """The job may go on where nobody can be asked now: the record stays `running`, and who comes next asks."""
        self._out_of_reach = True

    def close(self, state: State) -> None:
        """Says what became of the run, sweeps the temporary files, lets go of the lock. Once.

        Of a job that goes on without us, or may, nothing is said.
        """
        try:
            if not (self._record.detached or self._out_of_reach):
                settle(self.base, self._record, state)
        finally:
            self.leave()

    def leave(self) -> None:
        """Sweeps and lets go, of a run that goes on elsewhere. Once."""
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


def _ended(base: Path, name: str, last: Record) -> Record:
    """What became of the last run. The lock is that of a client; a job on a cluster goes on without one."""
    last, busy = conclude(base, last)
    if busy:
        raise SetupError(
            f"another run of {name!r} is under way",
            where=f"{last.web}, job {last.job_id}",
            fix=f"dlonflink stop {name}, or give this one another name",
        )
    return last


def _sweep(last: Record) -> None:
    """What a killed client left behind. The lock is ours, so nobody uses it."""
    scratch = Path(last.scratch)
    if scratch.name.startswith("dlf-"):
        shutil.rmtree(scratch, ignore_errors=True)


def _chosen(base: Path, url: str) -> str:
    """The checkpoint that somebody names. ResumeError where it is none, with those that are there."""
    try:
        checkpoint = named(url)
    except (OSError, ImportError, ValueError) as error:  # a file system that fsspec cannot reach
        raise ResumeError("the checkpoint cannot be looked at", where=url, got=str(error)) from error
    if checkpoint is None:
        raise ResumeError("there is no checkpoint at this place", where=url, fix=ways_out(there(base)))
    return checkpoint


_SHOWN = 5


def ways_out(checkpoints: Sequence[Resumable]) -> str:
    """What can be typed where one checkpoint will not do; `checkpoints`: the others, the likeliest first."""
    if not checkpoints:
        return "there is no other one: dlonflink run ... --fresh begins anew"
    return f"\n{' ' * 12}".join(f"dlonflink run ... --from {one.url}" for one in checkpoints[:_SHOWN])


def _nothing(name: str, last: Record | None) -> str:
    if last is None:
        return f"{name!r} has never run: there is nothing to resume"
    if last.state == "finished":
        return f"the last run of {name!r} finished: there is nothing to resume"
    return f"the last run of {name!r} left no checkpoint"

"""What is written down of a run: `state.json` in its directory. Who may write it, and what it can be resumed from."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

import fsspec  # pyright: ignore[reportMissingTypeStubs]

from dlonflink.errors import SetupError

State = Literal["running", "finished", "failed", "stopped"]

_FILE = "state.json"


@dataclass(frozen=True)
class Record:
    """`running` is what the client last knew: a job on a cluster goes on, and ends, without it."""

    run: str
    state: State
    resumed_from: str | None
    scratch: str
    checkpoints: str = ""
    """URL of this run's checkpoints and savepoints."""
    detached: bool = False
    remote: bool = False
    """On a cluster that outlives the client."""
    web: str | None = None
    """Address of Flink's web UI and REST server, once the job is submitted."""
    job_id: str | None = None

    @classmethod
    def last(cls, base: Path) -> Self | None:
        """That of the newest run below a pipeline's `base`."""
        return next(cls.every(base), None)

    @classmethod
    def every(cls, base: Path) -> Iterator[Self]:
        """Those of all runs, newest first."""
        for file in sorted((base / "runs").glob(f"*/{_FILE}"), reverse=True):
            read: dict[str, Any] = json.loads(file.read_text())
            yield cls(**{field.name: read[field.name] for field in fields(cls) if field.name in read})

    def file(self, base: Path) -> Path:
        return base / "runs" / self.run / _FILE

    def write(self, base: Path) -> None:
        write_json(self.file(base), asdict(self))


def lock(base: Path, name: str) -> IO[bytes]:
    """Held by the client of the run under way. Raises SetupError where one has it."""
    try:
        base.mkdir(parents=True, exist_ok=True)
        held = (base / "lock").open("wb")
    except OSError as error:
        raise SetupError(f"cannot write: {error.strerror}", where=str(base), fix="set DLONFLINK_HOME") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise SetupError(
            f"another run of {name!r} is under way",
            where=str(base),
            fix=f"dlonflink stop {name}, or give this one another name",
        ) from None
    return held


def settle(base: Path, record: Record, state: State) -> Record:
    """Writes down what became of a run."""
    record = replace(record, state=state)
    record.write(base)
    if state == "finished":
        # Nothing can be resumed before a finished run: its checkpoints, and those before it, are of no use.
        _drop(record.checkpoints.rpartition("/")[0], [entry.name for entry in (base / "runs").iterdir()])
    return record


def left(last: Record) -> str | None:
    """URL of the checkpoint or savepoint that an unfinished run can go on from: its newest, else the one it had begun
    from.
    """
    if last.state == "finished" or not last.checkpoints:
        return None
    own = _complete(last.checkpoints)
    return own[0].url if own else last.resumed_from


@dataclass(frozen=True)
class Resumable:
    """What can be resumed from: a checkpoint, or a savepoint."""

    url: str
    made: datetime
    """When it was complete, UTC."""


def there(base: Path) -> list[Resumable]:
    """Every checkpoint and savepoint of a pipeline's runs, newest first."""
    places = dict.fromkeys(record.checkpoints for record in Record.every(base) if record.checkpoints)
    return sorted((one for place in places for one in _complete(place)), key=_age, reverse=True)


def named(url: str) -> str | None:
    """The URL of a checkpoint as `there` writes it, of a path or a URL in any form; None where there is none."""
    filesystem, path = _filesystem(url)
    path = path.rstrip("/").removesuffix(_METADATA)
    return filesystem.unstrip_protocol(path) if filesystem.exists(path + _METADATA) else None


_METADATA = "/_metadata"
"""What makes a directory a checkpoint. Flink writes it last."""


def _complete(place: str) -> list[Resumable]:
    """Newest first. Job ids, by which checkpoints lie, say nothing about time."""
    filesystem, path = _filesystem(place)
    found: dict[str, dict[str, Any]] = filesystem.find(path, detail=True) if filesystem.exists(path) else {}
    complete = [name.removesuffix(_METADATA) for name in found if name.endswith(_METADATA)]
    made = [_utc(filesystem.modified(name + _METADATA)) for name in complete]
    urls = [filesystem.unstrip_protocol(name) for name in complete]
    return sorted(map(Resumable, urls, made), key=_age, reverse=True)


def _age(one: Resumable) -> tuple[datetime, str]:
    return one.made, one.url


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _filesystem(url: str) -> tuple[Any, str]:
    return cast("tuple[Any, str]", fsspec.url_to_fs(url))  # pyright: ignore[reportUnknownMemberType]


def _drop(base: str, runs: list[str]) -> None:
    filesystem, path = _filesystem(base)
    for run in runs:
        if filesystem.exists(f"{path}/{run}"):
            filesystem.rm(f"{path}/{run}", recursive=True)


def write_json(path: Path, value: object) -> Path:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=2) + "\n")
    return part.replace(path)

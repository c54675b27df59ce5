"""The log: numbered entries, each created once and never changed. What the store is, is the fold over them.

An entry is a file `log/{n:020d}.json`, n from 0 without a gap. Whoever creates entry n has seen all entries before it,
so entries decide: which publisher owns the store (the last to open it), and which versions exist.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, final

from pydantic import Field, TypeAdapter

from dlonflink.errors import CorruptionError
from dlonflink.settings import Settings
from dlonflink.store.files import Files
from dlonflink.store.manifest import FileDigest, Origin, understood

_FOLDER = "log"
_NAME = re.compile(r"^\d{20}\.json$")


class Opened(Settings):
    """A publisher takes the store over; those before it are fenced off."""

    type: Literal["opened"] = "opened"
    run: str
    attempt: int
    at: str


class Published(Settings):
    """A version: its files lie in `versions/{folder}`, all of them written before this entry."""

    type: Literal["version"] = "version"
    number: int
    folder: str
    created: str
    manifest: FileDigest
    origin: Origin


Entry = Annotated[Opened | Published, Field(discriminator="type")]
_ENTRY: TypeAdapter[Opened | Published] = TypeAdapter(Entry)


@dataclass(frozen=True)
class Owner:
    epoch: int  # position of its entry: distinct for every publisher that ever opened the store
    opened: Opened


@dataclass(frozen=True)
class State:
    """What the first `length` entries say."""

    length: int = 0
    owner: Owner | None = None
    versions: tuple[Published, ...] = field(default=())  # oldest first, numbered from 1
    runs: frozenset[str] = frozenset()  # that ever opened the store

    def after(self, entries: Sequence[Opened | Published]) -> State:
        """The state with `entries` appended."""
        owner, versions, runs = self.owner, list(self.versions), set(self.runs)
        for position, entry in enumerate(entries, self.length):
            if isinstance(entry, Opened):
                owner = Owner(position, entry)
                runs.add(entry.run)
            else:
                versions.append(entry)
        return State(self.length + len(entries), owner, tuple(versions), frozenset(runs))

    def published(self, run: str, checkpoint: int) -> Published | None:
        """The version of this run's checkpoint, if there is one."""
        for version in reversed(self.versions):
            if version.origin.run == run and version.origin.checkpoint == checkpoint:
                return version
        return None


@final
class Log:
    """The log under one URL, and the part of it read so far."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._state = State()

    def read(self) -> State:
        """The state with everything that was appended since the last call."""
        if self._state.length == 0:
            self._state = self._state.after(self._read_first())
        while (data := self._files.read(_name(self._state.length))) is not None:
            self._state = self._state.after([self._parse(self._state.length, data)])
        return self._state

    def append(self, entry: Opened | Published, at: State) -> bool:
        """Makes `entry` the one after `at`. False when that place is taken: read again, decide again."""
        return self._files.create(_name(at.length), entry.model_dump_json(indent=2).encode())

    def _read_first(self) -> list[Opened | Published]:
        """All entries there are, by one listing and one read of many."""
        names = [name for name in self._files.names(_FOLDER) if _NAME.match(name)]
        for position, name in enumerate(names):
            if f"{_FOLDER}/{name}" != _name(position):
                raise CorruptionError(
                    f"log entry {position} is missing",
                    where=f"{self._files.url}/{_name(position)}",
                    got=f"the next entry is {name}",
                    fix="restore the entry from a copy; the log is never pruned",
                )
        contents = self._files.read_all([f"{_FOLDER}/{name}" for name in names])
        return [self._parse(position, data) for position, data in enumerate(contents)]

    def _parse(self, position: int, data: bytes) -> Opened | Published:
        return understood(
            lambda: _ENTRY.validate_json(data),
            f"log entry {position}",
            where=f"{self._files.url}/{_name(position)}",
            fix="read it with a release at least as new as the one that wrote it, or restore it from a copy",
        )


def _name(position: int) -> str:
    return f"{_FOLDER}/{position:020d}.json"

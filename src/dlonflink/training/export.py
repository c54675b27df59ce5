"""Which checkpoints become versions, and their publication."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal, final

from dlonflink.errors import DLOnFlinkError, FencedError
from dlonflink.settings import milliseconds
from dlonflink.store.settings import Export
from dlonflink.store.store import Store
from dlonflink.training.state import Copy, Restored

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a checkpoint's version. `version`: the newest of this run, whatever the outcome."""

    outcome: Literal["published", "skipped", "failed"]
    version: int | None
    reason: str | None = None
    error: DLOnFlinkError | None = None
    """Why it failed."""


@final
class Exporter:
    """Publishes copies of one attempt. Blocks; after `__init__` everything runs in the exporting thread.

    `now` is the completion time of a checkpoint on any steady clock, in seconds.
    """

    def __init__(self, export: Export | None, *, run: str, attempt: int) -> None:
        """Takes the store over: whoever opened it before is fenced off. None: nothing is ever published.

        Raises StoreError when the store cannot be opened, so that a wrong place is known before the first row.
        """
        self._store = Store(export.to) if export else None
        self._publisher = self._store.open(run, attempt, keep=export.keep) if self._store and export else None
        self._every = milliseconds(export.every) / 1000 if export and export.every else 0.0
        self._last: float | None = None
        self._final: Outcome | None = None
        self._newest: int | None = None

    @property
    def newest(self) -> int | None:
        """The newest version of this stream, as far as this attempt knows. Any thread may look."""
        return self._newest

    @property
    def publishes(self) -> bool:
        """False: the pipeline has no export, and no copy is read here."""
        return self._publisher is not None

    def make_good(self, copy: Copy, restored: Restored) -> None:
        """After a restore: publishes the checkpoint restored from, if each checkpoint is a version and this one's
        COMMIT was lost. With `every` the next checkpoint is published instead.

        A run restored from another run's checkpoint continues it, so that run's versions count. A failure is logged:
        the next version replaces this one.
        """
        if self._store is None or self._publisher is None:
            return
        try:
            ours = [one for one in self._store.versions() if one.origin.run in (restored.run, copy.origin.run)]
            self._newest = ours[0].number if ours else None
            lost = (restored.run, restored.checkpoint) not in [(one.origin.run, one.origin.checkpoint) for one in ours]
            if lost and not self._every and restored.checkpoint >= 0 and copy.origin.rows:
                self._newest = self._publisher.publish(copy.draft(restored.checkpoint)).number
                _log.info("version %s: the COMMIT of checkpoint %s was lost", self._newest, restored.checkpoint)
        except FencedError:
            raise
        except DLOnFlinkError as error:
            _log.warning("the version of checkpoint %s is not made good: %s", restored.checkpoint, error)

    def commit(self, copy: Copy, checkpoint: int, *, last: bool, now: float) -> Outcome:
        """Checkpoint `checkpoint`, of which `copy` is the state, is complete. `last`: the stream is over.

        A store that fails costs a version, not the run, while there is more to come; the last one is `failed`.
        Raises FencedError when a later run owns the store.
        """
        if self._publisher is None:
            return Outcome("skipped", None, "the pipeline has no export")
        if last and self._final:
            return Outcome("skipped", self._final.version, "the final state is published already")
        if copy.origin.rows == 0:
            return Outcome("skipped", self._newest, "no row was learned")
        if not last and self._last is not None and now - self._last < self._every:
            return Outcome("skipped", self._newest, f"the last version is younger than {self._every:g} s")
        try:
            self._newest = self._publisher.publish(copy.draft(checkpoint)).number
        except FencedError:
            raise
        except DLOnFlinkError as error:
            _log.warning("checkpoint %s is not published: %s", checkpoint, error)
            reason = "; ".join(part for part in (error.what, error.where, error.fix) if part)
            return Outcome("failed" if last else "skipped", self._newest, reason, error)
        _log.info("version %s is checkpoint %s, %s rows", self._newest, checkpoint, f"{copy.origin.rows:,}")
        self._last = now
        published = Outcome("published", self._newest)
        self._final = published if last else None
        return published

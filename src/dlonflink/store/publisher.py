"""The writing side of a store: one publisher owns it at a time, the last to open it.

Folders of files are named `{epoch}-{checkpoint}`, epoch being the position of the publisher's own `opened` entry. So no
two publishers ever write the same folder, and whose folder it is can be told from its name.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import final

from dlonflink import failpoints
from dlonflink.errors import FencedError, StoreError
from dlonflink.store.files import Files
from dlonflink.store.full import MANIFEST, TABLE, WEIGHTS, digest_of, write_arrays
from dlonflink.store.log import Log, Opened, Owner, Published, State
from dlonflink.store.manifest import Manifest
from dlonflink.store.version import FOLDER, Draft, Version, version_of

_log = logging.getLogger(__name__)


@final
class Publisher:
    """Made by `Store.open`. Blocks; called from one thread, the exporting one, never from the learning one.

    After any error `publish` may be called again, with the same draft or a later one: the store is never left with half
    a version in its list.
    """

    def __init__(self, files: Files, log: Log, opened: Opened, keep: int) -> None:
        self._files = files
        self._log = log
        self._opened = opened
        self._keep = keep
        self._open()

    def publish(self, draft: Draft) -> Version:
        """Makes `draft` the newest version; done when this returns. The same (run, checkpoint) again gives the version
        that it already is.

        Raises FencedError when another publisher has opened the store since, StoreError when it cannot be written.
        """
        if (draft.origin.run, draft.origin.attempt) != (self._opened.run, self._opened.attempt):
            raise ValueError(
                f"a draft of {draft.origin.run!r}, attempt {draft.origin.attempt}, is not this publisher's"
            )
        # 1. Does the store still belong to this publisher, and is there anything left to do?
        state = self._owned()
        done = state.published(draft.origin.run, draft.origin.checkpoint)
        if done is not None:
            return version_of(done, kept=done in state.versions[-self._keep :])
        # 2. The files, into a folder that nobody else names and no entry mentions yet.
        entry = self._write(draft, number=len(state.versions) + 1)
        # 3. The commit: one entry, at the first free place. If that place was taken meanwhile, step 1's question again.
        failpoints.reach("store.entry")
        while not self._log.append(entry, state):
            state = self._owned()
        failpoints.reach("store.published")
        # 4. Room: what is no longer kept, and what crashed publishers left.
        self._prune(state.after([entry]))
        return version_of(entry, kept=True)

    def _open(self) -> None:
        state = self._openable()
        while not self._log.append(self._opened, state):
            state = self._openable()
        self._epoch = state.length
        self._prune(state.after([self._opened]))

    def _openable(self) -> State:
        """A new attempt of a run that another has fenced off must not take the store back."""
        state = self._log.read()
        owner = state.owner
        if owner is not None and owner.opened.run != self._opened.run and self._opened.run in state.runs:
            raise self._fenced(owner)
        return state

    def _owned(self) -> State:
        state = self._log.read()
        assert state.owner is not None  # this publisher's own entry is in the log
        if state.owner.epoch != self._epoch:
            raise self._fenced(state.owner)
        return state

    def _fenced(self, later: Owner) -> FencedError:
        return FencedError(
            "another run has taken over this store",
            where=self._files.url,
            expected=f"run {self._opened.run}, attempt {self._opened.attempt}",
            got=f"run {later.opened.run}, attempt {later.opened.attempt}, opened at {later.opened.at}",
            fix="stop one of the two, or give each its own export.to",
        )

    def _write(self, draft: Draft, number: int) -> Published:
        """Writes the files of `draft`; returns the entry that would commit them."""
        name = f"{self._epoch}-{draft.origin.checkpoint}"
        folder = f"{FOLDER}/{name}"
        created = now()
        try:
            weights = write_arrays(self._files, f"{folder}/{WEIGHTS}", draft.weights)
            table = write_arrays(self._files, f"{folder}/{TABLE}", draft.table)
            manifest = Manifest(
                version=number,
                created=created,
                origin=draft.origin,
                model=draft.model,
                provenance=draft.provenance,
                files={WEIGHTS: weights, TABLE: table},
            )
            data = manifest.model_dump_json(indent=2).encode()
            self._files.write(f"{folder}/{MANIFEST}", data)
        except StoreError:
            # A full disk needs this room most, and nothing refers to the folder: it is not in the log.
            with suppress(StoreError):  # the first error is the one to tell; the folder goes when a version is out
                self._files.remove(folder)
            raise
        return Published(number=number, folder=name, created=created, manifest=digest_of(data), origin=draft.origin)

    def _prune(self, state: State) -> None:
        """Removes folders that neither a kept version nor a publisher that may still commit can need.

        A later publisher's epoch is greater than this one's, so what it is writing now is never touched; an earlier one
        is fenced off by this one's entry, so what it was writing can never be committed.
        """
        kept = {version.folder for version in state.versions[-self._keep :]}
        try:
            for name in self._files.names(FOLDER):
                epoch = name.partition("-")[0]
                if epoch.isdecimal() and int(epoch) <= self._epoch and name not in kept:
                    self._files.remove(f"{FOLDER}/{name}")
        except StoreError as error:  # costs room, not truth: what was published stays so, the next one tries again
            _log.warning("old versions are left behind: %s", error)


def now() -> str:
    """The clock, as the log writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

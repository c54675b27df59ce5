"""Versions under one URL.

    log/00000000000000000000.json ...   the entries: what exists, and who owns it (log.py)
    versions/{epoch}-{checkpoint}/      weights.safetensors, table.safetensors, manifest.json (full.py, manifest.py)

Files first, then one entry: the entry is the commit, so a version is in the list whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from dlonflink.errors import CorruptionError, VersionNotFound
from dlonflink.store.files import files_at
from dlonflink.store.full import MANIFEST, TABLE, WEIGHTS, read_arrays, read_checked
from dlonflink.store.log import Log, Opened
from dlonflink.store.manifest import Manifest, understood
from dlonflink.store.publisher import Publisher, now
from dlonflink.store.version import FOLDER, Contents, Version, version_of


@final
class Store:
    """A store at `url`: a directory, or anything fsspec reaches (`s3://`, `gs://`, `memory://`, ...).

    Nothing is read or made before the first call. One thread at a time; blocks. Raises StoreError when the place cannot
    be read, CorruptionError when its log is damaged.
    """

    def __init__(self, url: str) -> None:
        self._files = files_at(url)
        self._log = Log(self._files)

    @property
    def url(self) -> str:
        return self._files.url

    def open(self, run: str, attempt: int, *, keep: int = 10) -> Publisher:
        """Takes the store over for writing: every publisher that opened it before is refused from now on.

        The files of the `keep` newest versions are kept; the log keeps every entry.
        """
        if keep < 1:
            raise ValueError("the newest version is always kept")
        return Publisher(self._files, self._log, Opened(run=run, attempt=attempt, at=now()), keep)

    def versions(self) -> Sequence[Version]:
        """Every version ever published, newest first."""
        entries = self._log.read().versions
        folders = set(self._files.names(FOLDER))  # after the log: a folder is there before its entry
        return [version_of(entry, kept=entry.folder in folders) for entry in reversed(entries)]

    def current(self) -> Version | None:
        """The version to serve: the newest."""
        versions = self.versions()
        return versions[0] if versions else None

    def version(self, number: int) -> Version:
        """Raises VersionNotFound."""
        versions = self.versions()
        for version in versions:
            if version.number == number:
                return version
        kept = [str(version.number) for version in versions if version.kept]
        raise VersionNotFound(
            f"there is no version {number}",
            where=self.url,
            expected=f"one of {', '.join(kept)}" if kept else None,
            fix="dlonflink versions lists them",
        )

    def read(self, version: Version) -> Contents:
        """Raises VersionNotFound when its files are no longer kept, CorruptionError when one is damaged, or when the
        manifest is of a release that this one does not understand.
        """
        manifest = self._manifest(version)
        weights, table = (
            read_arrays(self._files, f"{version.folder}/{name}", manifest.files[name], version.number)
            for name in (WEIGHTS, TABLE)
        )
        return Contents(manifest, weights, table)

    def _manifest(self, version: Version) -> Manifest:
        name = f"{version.folder}/{MANIFEST}"
        data = read_checked(self._files, name, version.entry.manifest, version.number)
        manifest = understood(
            lambda: Manifest.model_validate_json(data),
            f"the manifest of version {version.number}",
            where=f"{self.url}/{name}",
            fix="read it with the release that wrote it, or load another version",
        )
        entry = version.entry
        # No digest covers the log: what it says of a version stands in the manifest once more.
        same = (manifest.version, manifest.created, manifest.origin) == (entry.number, entry.created, entry.origin)
        if not same or manifest.files.keys() != {WEIGHTS, TABLE}:
            raise CorruptionError(
                f"the manifest of version {version.number} and its entry in the log are not of one version",
                where=f"{self.url}/{name}",
                fix="restore both from a copy, or load another version",
            )
        return manifest

"""Bytes by name under one URL: the one place of the store that touches a disk or a network.

`create` is what the log stands on: of all who create the same name exactly one succeeds, and nobody ever reads half of
it. A local directory does it by writing beside and hard-linking; an object store by its conditional write (fsspec's
`pipe_file(mode="create")`: S3, GCS, Azure, memory). A file system that offers neither is refused for writing.

Every failure leaves as a StoreError that names the file.
"""

from __future__ import annotations

import errno
import inspect
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast, final
from uuid import uuid4

import fsspec  # pyright: ignore[reportMissingTypeStubs]
from fsspec.asyn import AsyncFileSystem  # pyright: ignore[reportMissingTypeStubs]
from fsspec.spec import AbstractFileSystem  # pyright: ignore[reportMissingTypeStubs]

from dlonflink import failpoints
from dlonflink.errors import StoreError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Files(ABC):
    """Names are relative, with `/`. Blocks. Any thread, one call at a time."""

    url: str

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """None where there is no such file."""

    @abstractmethod
    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """Files that are there, at once where the file system can."""

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """Names of the files and folders in `folder`, sorted; empty where there is none."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Makes or replaces the file; on the disk when it returns."""

    @abstractmethod
    def create(self, name: str, data: bytes) -> bool:
        """Makes the file, whole, unless it is there: then False. Exactly one of many callers gets True."""

    @abstractmethod
    def remove(self, folder: str) -> None:
        """The folder and all in it, if it is there."""


def files_at(url: str) -> Files:
    """Local paths and `file://` without fsspec; anything else through it. Raises StoreError for an unknown protocol."""
    if url.startswith("file://"):
        return LocalFiles(Path(url.removeprefix("file://")))
    if "://" not in url and "::" not in url:
        return LocalFiles(Path(url).expanduser())
    return RemoteFiles(url)


@contextmanager
def _doing(action: str, place: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(
                "the disk is full",
                where=place,
                got=str(error),
                fix="free some space, or point export.to at another place",
            ) from error
        raise StoreError(
            f"cannot {action}: {error.strerror or error or type(error).__name__}",
            where=place,
            fix="check that the place exists, is reachable, and that you may write there",
        ) from error
    except StoreError:
        raise
    except Exception as error:
        # Object stores raise what their client libraries raise: no credentials, no bucket, no route.
        raise StoreError(
            f"cannot {action}: {error or type(error).__name__}",
            where=place,
            got=type(error).__name__,
            fix="check the URL, the credentials and the network",
        ) from error


@final
class LocalFiles(Files):
    """A directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.url = str(root)

    def read(self, name: str) -> bytes | None:
        path = self._root / name
        with _doing("read", str(path)):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        with _doing("read", self.url):
            return [(self._root / name).read_bytes() for name in names]

    def names(self, folder: str) -> list[str]:
        with _doing("list", str(self._root / folder)):
            try:
                return sorted(path.name for path in (self._root / folder).iterdir())
            except FileNotFoundError:
                return []

    def write(self, name: str, data: bytes) -> None:
        path = self._root / name
        with _doing("write", str(path)):
            failpoints.reach("store.write")
            _make(path.parent)
            _put(path, data)
            _sync(path.parent)

    def create(self, name: str, data: bytes) -> bool:
        path = self._root / name
        beside = path.with_name(f".{path.name}.{uuid4().hex}")
        with _doing("write", str(path)):
            failpoints.reach("store.write")
            _make(path.parent)
            try:
                _put(beside, data)
                os.link(beside, path)  # fails if `path` is there, and shows it whole if not
            except FileExistsError:
                return False
            finally:
                beside.unlink(missing_ok=True)
            _sync(path.parent)
            return True

    def remove(self, folder: str) -> None:
        with _doing("remove", str(self._root / folder)), suppress(FileNotFoundError):
            shutil.rmtree(self._root / folder)


def _put(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make(folder: Path) -> None:
    """The folder and those above it, each on the disk."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Writes the folder's list of names to the disk: without it a new file may be gone after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@final
class RemoteFiles(Files):
    """Whatever fsspec reaches. Credentials and endpoints come from its own configuration and the client library's."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        with _doing("open the store", url):
            try:
                system, root = cast("tuple[Any, str]", fsspec.url_to_fs(url))  # pyright: ignore[reportUnknownMemberType]
            except (ImportError, ValueError) as error:
                raise StoreError(
                    f"cannot reach this kind of store: {error}",
                    where=url,
                    fix="install the fsspec package of this protocol (s3fs, gcsfs, adlfs, ...), or correct the URL",
                ) from error
        self._system = system
        self._root = root.rstrip("/")

    def read(self, name: str) -> bytes | None:
        with _doing("read", f"{self.url}/{name}"):
            try:
                return cast("bytes", self._system.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        if not names:
            return []
        with _doing("read", self.url):
            # Keys are paths as the file system writes them; it may strip what we put in front.
            found = cast("dict[str, bytes]", self._system.cat([self._path(name) for name in names]))
            by_name = {key.rsplit("/", 1)[-1]: data for key, data in found.items()}
            return [by_name[name.rsplit("/", 1)[-1]] for name in names]

    def names(self, folder: str) -> list[str]:
        with _doing("list", f"{self.url}/{folder}"):
            self._system.invalidate_cache()
            try:
                paths = cast("list[str]", self._system.ls(self._path(folder), detail=False))
            except FileNotFoundError:
                return []
            return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in paths)

    def write(self, name: str, data: bytes) -> None:
        with _doing("write", f"{self.url}/{name}"):
            failpoints.reach("store.write")
            self._system.pipe_file(self._path(name), data)

    def create(self, name: str, data: bytes) -> bool:
        with _doing("write", f"{self.url}/{name}"):
            failpoints.reach("store.write")
            self._need_create()
            try:
                self._system.pipe_file(self._path(name), data, mode="create")
            except FileExistsError:
                return False
            return True

    def remove(self, folder: str) -> None:
        with _doing("remove", f"{self.url}/{folder}"), suppress(FileNotFoundError):
            self._system.rm(self._path(folder), recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _need_create(self) -> None:
        system = cast("type[Any]", type(self._system))
        if not _conditional(system):
            raise StoreError(
                f"{system.__name__} cannot create a file only if it is absent, which commits a version",
                where=self.url,
                expected="a local directory, or an object store whose fsspec package is of 2024.12 or later",
                fix="upgrade that package, or point export.to at another place",
            )


def _conditional(system: type[Any]) -> bool:
    """Whether the file system has a conditional write of its own.

    The one it inherits looks first and writes then, and older ones ignore the mode: both would let two in.
    """
    base, method = (
        (AsyncFileSystem, "_pipe_file") if issubclass(system, AsyncFileSystem) else (AbstractFileSystem, "pipe_file")
    )
    own = getattr(system, method)
    return own is not getattr(base, method) and "mode" in inspect.signature(own).parameters

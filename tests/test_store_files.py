"""The store's only touch with disks and networks: what a commit stands on, and how failures read."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from dlonflink.errors import StoreError
from dlonflink.store.files import Files, LocalFiles, RemoteFiles, files_at


@pytest.fixture(params=["local", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    if request.param == "local":
        yield files_at(str(tmp_path / "deep" / "store"))
        return
    root = f"memory://{uuid4().hex}/store"
    yield files_at(root)
    fsspec.url_to_fs(root)[0].store.clear()


def test_a_written_file_is_read_back(files: Files) -> None:
    assert files.read("a/b/c.bin") is None
    assert files.names("a/b") == []
    files.write("a/b/c.bin", b"one")
    files.write("a/b/c.bin", b"two")
    files.write("a/b/empty", b"")
    assert files.read("a/b/c.bin") == b"two"
    assert files.read("a/b/empty") == b""
    assert files.names("a/b") == ["c.bin", "empty"]
    assert files.names("a") == ["b"]
    assert files.read_all(["a/b/empty", "a/b/c.bin"]) == [b"", b"two"]
    assert files.read_all(["a/b/c.bin"]) == [b"two"]
    assert files.read_all([]) == []


def test_a_folder_is_removed_with_all_in_it(files: Files) -> None:
    files.write("a/b/c.bin", b"one")
    files.write("a/d.bin", b"two")
    files.remove("a/b")
    files.remove("a/b")
    assert files.names("a") == ["d.bin"]


def test_create_never_replaces(files: Files) -> None:
    assert files.create("log/0", b"first")
    assert not files.create("log/0", b"second")
    assert files.read("log/0") == b"first"
    assert files.names("log") == ["0"]  # nothing is left beside it


def test_of_many_who_create_exactly_one_succeeds(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)
    won: list[int] = []

    def create(number: int) -> None:
        mine = LocalFiles(tmp_path)
        for position in range(20):
            barrier.wait()
            if mine.create(f"log/{position}", str(number).encode() * 1000):
                won.append(position)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(20))


def test_a_file_url_is_a_local_directory(tmp_path: Path) -> None:
    files_at(f"file://{tmp_path}").write("a", b"one")
    assert (tmp_path / "a").read_bytes() == b"one"


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT"])
@pytest.mark.parametrize("method", ["write", "create"])
def test_a_full_disk_says_so(files: Files, monkeypatch: pytest.MonkeyPatch, code: str, method: str) -> None:
    monkeypatch.setenv("DLONFLINK_FAILPOINTS", f"store.write={code}")
    with pytest.raises(StoreError, match="the disk is full") as caught:
        getattr(files, method)("a/b.bin", b"one")
    assert (caught.value.where or "").endswith("store/a/b.bin")
    assert "free some space" in (caught.value.fix or "")
    monkeypatch.delenv("DLONFLINK_FAILPOINTS")
    assert files.read("a/b.bin") is None


def test_any_other_failure_names_the_file_and_the_cause(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLONFLINK_FAILPOINTS", "store.write=EACCES")
    with pytest.raises(StoreError, match="cannot write: Permission denied") as caught:
        files.write("a/b.bin", b"one")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EACCES


def test_a_file_in_the_place_of_the_store_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a directory")
    with pytest.raises(StoreError, match="cannot write"):
        LocalFiles(tmp_path / "store").write("a/b.bin", b"one")
    with pytest.raises(StoreError, match="cannot list"):
        LocalFiles(tmp_path / "store").names("a")


@pytest.mark.parametrize("url", ["nosuch://bucket/store", "gs://bucket/store"])
def test_an_unknown_protocol_says_what_to_install(url: str) -> None:
    with pytest.raises(StoreError, match="cannot reach this kind of store") as caught:
        files_at(url)
    assert caught.value.where == url


def test_what_a_client_library_raises_is_a_store_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCredentialsError(Exception):
        pass

    def refuse(*_: object, **__: object) -> bytes:
        raise NoCredentialsError("no credentials found")

    remote = RemoteFiles("memory://x")
    monkeypatch.setattr(MemoryFileSystem, "cat_file", refuse)
    with pytest.raises(StoreError, match="no credentials found") as caught:
        remote.read("a")
    assert caught.value.got == "NoCredentialsError"


class LooksThenWrites(MemoryFileSystem):
    protocol = "lookswrites"
    pipe_file = AbstractFileSystem.pipe_file


class IgnoresTheMode(MemoryFileSystem):
    protocol = "ignores"

    def pipe_file(self, path: str, value: bytes, **kwargs: object) -> None:
        super().pipe_file(path, value)


@pytest.mark.parametrize("system", [LooksThenWrites, IgnoresTheMode])
def test_a_file_system_without_a_conditional_write_is_refused(system: type[MemoryFileSystem]) -> None:
    fsspec.register_implementation(system.protocol, system, clobber=True)
    files = files_at(f"{system.protocol}://x")
    with pytest.raises(StoreError, match=f"{system.__name__} cannot create a file only if it is absent"):
        files.create("log/0", b"first")

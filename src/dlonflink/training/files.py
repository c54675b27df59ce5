"""The user's own code on its way to the worker: gathered in one directory, and believed only by its digest."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dlonflink.errors import CorruptionError, PipelineError

_KEY = "runtime.worker.files"
_COMPILED = "__pycache__"
"""Written by whoever imports: not part of what was sent."""


def gather(paths: Sequence[str], directory: Path) -> dict[str, str]:
    """Copies files and directories into `directory`, each under its own name; gives name -> SHA-256. Hidden files stay
    behind: an editor's, or a repository. Raises PipelineError.
    """
    digests: dict[str, str] = {}
    for index, written in enumerate(paths):
        path = Path(written).absolute()
        where = f"{_KEY}[{index}]"
        if not path.exists():
            raise PipelineError(
                "the file is missing", where=where, got=written, fix="paths start where the command runs"
            )
        if path.name in digests:
            raise PipelineError(f"two files have the name {path.name!r}", where=where, fix="rename one of them")
        target = directory / path.name
        directory.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, ignore=shutil.ignore_patterns(_COMPILED, ".*"))
        else:
            shutil.copyfile(path, target)
        digests[path.name] = digest(target)
    return digests


def digest(path: Path) -> str:
    """SHA-256 over a file, or over all files of a directory: names and contents, in the order of their names."""
    found = hashlib.sha256()
    for name, file in _files(path):
        for part in (name.encode(), file.read_bytes()):
            found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()


def place(files: Mapping[str, str], directory: str | None) -> None:
    """Checks every file that came, then puts their directory first on the Python path. Raises CorruptionError."""
    if not files:
        return
    if directory is None:
        raise CorruptionError("the user's files did not come", where=_KEY, expected=", ".join(files))
    for name, expected in files.items():
        path = Path(directory, name)
        got = digest(path) if path.exists() else "nothing"
        if got != expected:
            raise CorruptionError(
                f"{name!r} is not what was sent",
                where=str(path),
                expected=f"SHA-256 {expected}",
                got=got,
                fix="start the run again; if it stays, look at the disk of the task manager",
            )
    if directory not in sys.path:
        sys.path.insert(0, directory)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield "", path
        return
    named = sorted((file.relative_to(path), file) for file in path.rglob("*") if file.is_file())
    yield from ((name.as_posix(), file) for name, file in named if _COMPILED not in name.parts)

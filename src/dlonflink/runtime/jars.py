"""What a jar says of itself: whether it can be read, and which Flink it is for."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlonflink.errors import PipelineError, SetupError

_MANIFEST = "META-INF/MANIFEST.MF"
_FLINK_VERSION = "Flink-Version"
"""Ours; the build writes it (java/pom.xml)."""
_NAME = re.compile(r"flink-.*?-(?P<version>\d+(?:\.\d+)+)(?:-(?P<flink>\d+\.\d+))?(?:-SNAPSHOT)?")
"""A connector with a life of its own carries Flink's minor behind its version: flink-sql-connector-kafka-5.0.0-2.2;
one from before, or a part of Flink, has Flink's version: flink-connector-jdbc-1.15.0, flink-csv-2.2.1.
"""


@dataclass(frozen=True)
class Jar:
    """`flink` is the minor it is for (`2.2`), None where it does not say."""

    path: Path
    flink: str | None
    version: str | None


def look(path: Path) -> Jar:
    """Raises SetupError for what is no jar."""
    try:
        with zipfile.ZipFile(path) as jar:
            names = set(jar.namelist())
            manifest = _attributes(jar.read(_MANIFEST).decode(errors="replace")) if _MANIFEST in names else {}
    except (OSError, zipfile.BadZipFile) as error:
        raise SetupError(
            "the jar cannot be read",
            where=str(path),
            got=_beginning(path) or str(error),
            fix="fetch it again: what lies there is not what was meant",
        ) from error
    version = manifest.get("Implementation-Version")
    if _FLINK_VERSION in manifest:
        return Jar(path, minor(manifest[_FLINK_VERSION]), version)
    return Jar(path, minor_of(path.name), version)


def flink_version(jars: Sequence[Path]) -> str | None:
    """Of the Flink that `jars` are: flink-dist-2.2.1.jar."""
    found = (re.fullmatch(r"flink-dist-(.+)\.jar", jar.name) for jar in jars)
    return next((match[1] for match in found if match), None)


def minor_of(name: str) -> str | None:
    """Flink's minor that a jar's name says."""
    named = _NAME.fullmatch(name.removesuffix(".jar"))
    return None if named is None else named["flink"] or minor(named["version"])


def minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def misfit(jar: Jar, flink: str) -> str | None:
    """Why `jar` does not run on `flink` (`2.2.1`), None where it may: a minor of the same major that is not newer."""
    if jar.flink is None:
        return None
    theirs, ours = _numbers(jar.flink), _numbers(minor(flink))
    if theirs[0] != ours[0]:
        return f"Flink {ours[0]} has none of the interfaces of Flink {theirs[0]} that it was written against"
    return "it may use what this Flink does not have yet" if theirs > ours else None


def refuse_misfits(jars: Sequence[Path], flink: str | None) -> None:
    """SetupError for a jar that is none, or is for another Flink, PipelineError for one that is not there: the JVM
    would tell it in Java's words, one missing class after the other. `jars` are `runtime.flink.jars`, in order.
    """
    for index, path in enumerate(jars):
        where = f"runtime.flink.jars[{index}]: {path}"
        if not path.is_file():
            raise PipelineError("the jar is missing", where=where)
        try:
            jar = look(path)
        except SetupError as error:
            error.where = where
            raise
        reason = misfit(jar, flink) if flink else None
        if reason:
            ours = minor(str(flink))
            raise SetupError(
                f"the jar is for Flink {jar.flink}: {reason}",
                where=where,
                expected=f"a jar for Flink {ours}",
                fix=f"fetch the one whose name ends in -{ours}.jar",
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _attributes(manifest: str) -> dict[str, str]:
    pairs = (line.split(": ", 1) for line in manifest.splitlines() if ": " in line)
    return {key: value.strip() for key, value in pairs}


def _beginning(path: Path) -> str | None:
    """What lies there instead: most often the page that says that it was not found."""
    try:
        with path.open("rb") as file:
            start = file.read(60)
    except OSError:
        return None
    text = start.decode(errors="replace").strip()
    return f"a file that begins with {text!r}" if text.isprintable() and text else None

"""Java, and the jars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dlonflink.doctor.finding import Finding
from dlonflink.errors import DLOnFlinkError
from dlonflink.runtime.flink import flink_jars, own_jar
from dlonflink.runtime.jars import flink_version, look, minor, misfit
from dlonflink.runtime.java import choose, version


def java() -> Iterator[Finding]:
    """Which one runs Flink, and why."""
    try:
        found, why = choose()
        yield Finding("Java", "ok", f"{version(found)}, {found} ({why})")
    except DLOnFlinkError as error:
        yield Finding.of("Java", error)


def jars() -> Iterator[Finding]:
    """Flink's, and ours: built against which Flink?"""
    flink = None
    try:
        found = flink_jars()
        flink = flink_version(found)
        said = f"{flink or 'of an unknown version'}, {len(found)} jars in {found[0].parent}"
        yield Finding("Flink", "ok" if flink else "warn", said, None if flink else _REINSTALL)
    except DLOnFlinkError as error:
        yield Finding.of("Flink", error)
    try:
        ours = look(own_jar())
    except DLOnFlinkError as error:
        yield Finding.of("dlonflink.jar", error)
        return
    built = f"{ours.version}, built for Flink {ours.flink}, {ours.path}"
    if ours.flink is None:
        yield Finding(
            "dlonflink.jar", "fail", f"{ours.path} says no version", "install the wheel, or run scripts/setup"
        )
    elif flink is not None and misfit(ours, flink):
        yield Finding("dlonflink.jar", "fail", f"{built}; Flink is {flink}", _REINSTALL)
    elif flink is not None and ours.flink != minor(flink):
        yield Finding("dlonflink.jar", "warn", f"{built}; it is not tested on {flink}", _REINSTALL)
    else:
        yield Finding("dlonflink.jar", "ok", built)


def connectors(paths: Sequence[str]) -> Iterator[Finding]:
    """Those of `runtime.flink.jars`: there, whole, and for this Flink?"""
    try:
        flink = flink_version(flink_jars())
    except DLOnFlinkError:
        flink = None  # told by `jars`
    for path in paths:
        yield _connector(Path(path), flink)


_REINSTALL = "pip install 'apache-flink-libraries>=2.2.1,<2.3'"


def _connector(path: Path, flink: str | None) -> Finding:
    name = f"jar {path.name}"
    if not path.is_file():
        return Finding(name, "fail", f"{path} is not there", "correct runtime.flink.jars")
    try:
        jar = look(path)
    except DLOnFlinkError as error:
        return Finding.of(name, error)
    if jar.flink is None or flink is None:
        return Finding(name, "ok", f"{path}; it does not say for which Flink")
    ends = f"fetch the one whose name ends in -{minor(flink)}.jar"
    reason = misfit(jar, flink)
    if reason:
        return Finding(name, "fail", f"for Flink {jar.flink}, and Flink is {flink}: {reason}", ends)
    if jar.flink != minor(flink):
        return Finding(name, "warn", f"for Flink {jar.flink}, and Flink is {flink}: it may not fit", ends)
    return Finding(name, "ok", f"for Flink {jar.flink}")

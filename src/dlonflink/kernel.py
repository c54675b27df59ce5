"""The one door to numba: typed, and cached where a stale entry cannot be found.

numba keys its cache by the time stamp of the file that holds the function, not of the functions it calls. A kernel
that calls a kernel of another file would be loaded stale after an update. So the cache lies under a digest of every
file that holds a kernel: change one and all are compiled anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

from dlonflink.settings import cache_home

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = Path(__file__).parent


@cache
def cache_directory() -> Path:
    """Where compiled kernels lie: the user's cache directory, then a digest of the kernels' sources."""
    digest = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        source = file.read_bytes()
        if b"@kernel" in source:
            digest.update(source)
    return cache_home() / "kernels" / digest.hexdigest()[:16]


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compiles at the first call, strict floats (the same bits every run), no Python objects, GIL released.

    Division by zero follows IEEE 754, not Python.
    """
    # numba picks the cache's place when it decorates; its setting is global, so it is put back at once.
    before = numba.config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    numba.config.CACHE_DIR = str(cache_directory())  # pyright: ignore[reportAttributeAccessIssue]
    try:
        compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)  # pyright: ignore[reportUnknownMemberType]
    finally:
        numba.config.CACHE_DIR = before  # pyright: ignore[reportAttributeAccessIssue]
    return cast("Callable[P, R]", compiled)

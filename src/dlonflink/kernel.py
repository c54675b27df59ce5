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
import numpy as np
from llvmlite import ir  # pyright: ignore[reportMissingTypeStubs]
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from dlonflink.settings import cache_home

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=np.generic)

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
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_directory())
    try:
        compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before
    return cast("Callable[P, R]", compiled)


def plain(array: NDArray[T]) -> NDArray[T]:
    """The array, or a copy that is contiguous and writable. For any other kind numba compiles every kernel anew."""
    return np.require(array, requirements=("C", "W"))


@intrinsic
def prefetch(typing_context: Any, array: Any, row: Any) -> Any:  # noqa: ARG001 - numba's own signature
    """Inside kernels: asks for the cache line where `array[row]` begins (uint64 row, any C array); reads nothing.

    The next row's table rows, asked for while this one is computed, are worth a factor of 1.4 to 1.9.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        row_bytes = builder.extract_value(view.strides, 0)
        offset = builder.mul(arguments[1], row_bytes)
        byte = ir.IntType(8).as_pointer()
        address = builder.inttoptr(builder.add(builder.ptrtoint(view.data, ir.IntType(64)), offset), byte)
        number = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        )
        write, keep, data = (ir.Constant(number, flag) for flag in (1, 3, 1))
        builder.call(function, [address, write, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.uint64), emit

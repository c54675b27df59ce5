"""Memory that is reserved at once and paid for page by page, when a page is first written.

A table reserves what it may ever need, so its rows never move: no copy while it grows, and views stay valid. The only
file of this package that knows what system it runs on.
"""

from __future__ import annotations

import mmap
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NORESERVE = 0x4000 if sys.platform == "linux" else 0  # Python's mmap names this flag of Linux from 3.13 on only


def reserve(rows: int, width: int, dtype: type[np.generic]) -> NDArray[Any]:
    """Zeros of shape [rows, width], page aligned, C order. MemoryError where the system does not lend as much."""
    size = rows * width * np.dtype(dtype).itemsize
    if size == 0 or sys.platform == "win32":
        return np.zeros((rows, width), dtype)
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE)
    except (OSError, OverflowError) as error:
        raise MemoryError(f"{size} bytes of address space: {error}") from error
    return np.frombuffer(memory, dtype).reshape(rows, width)

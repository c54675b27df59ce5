"""Memory and its copy, block by block: what the kernels of `copies` and `index` do before they write, and after.

A block is marked when it is copied, with the number of the copy that it was copied for. So a new copy begins by
counting on, and nothing has to be cleared.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlonflink.kernel import kernel

Number = int | np.int64


class Plane(NamedTuple):
    """An array and the place of its copy, both flat."""

    source: NDArray[Any]
    copy: NDArray[Any]
    width: int  # elements of a block


class Marks(NamedTuple):
    """Which blocks are copied."""

    blocks: NDArray[np.uint8]  # the number of the copy that a block was last copied for
    number: NDArray[np.uint8]  # [1] of the copy under way, from 1


@kernel
def claim(marks: Marks, block: Number) -> bool:
    """True, once for each block and copy: then the caller copies it."""
    if marks.blocks[block] == marks.number[0]:
        return False
    marks.blocks[block] = marks.number[0]
    return True


@kernel
def copy_block(plane: Plane, block: Number) -> None:
    """Whether it was copied before or not."""
    for i in range(block * plane.width, (block + 1) * plane.width):
        plane.copy[i] = plane.source[i]

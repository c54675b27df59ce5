"""Arrays of a snapshot by path: each part puts its own name in front of those of what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def under(part: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """`arrays` with `part/` in front of every name."""
    return {f"{part}/{name}": array for name, array in arrays.items()}


def within(part: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """The inverse: those of `arrays` that lie under `part`, without its name."""
    return {name.removeprefix(f"{part}/"): array for name, array in arrays.items() if name.startswith(f"{part}/")}

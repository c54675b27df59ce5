"""Arrays of a snapshot by path: each part puts its own name in front of those of what it holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from numpy.typing import NDArray

from dlonflink.errors import ResumeError, short

Arrays = Mapping[str, NDArray[Any]]


def under(part: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """`arrays` with `part/` in front of every name."""
    return {f"{part}/{name}": array for name, array in arrays.items()}


def within(part: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """The inverse: those of `arrays` that lie under `part`, without its name."""
    return {name.removeprefix(f"{part}/"): array for name, array in arrays.items() if name.startswith(f"{part}/")}


def need(arrays: Arrays, *, like: Arrays, place: str, together: Collection[str] = ()) -> None:
    """Raises ResumeError where a snapshot's arrays have not the names, types and shapes of `like`. Those in `together`
    may have any length, which is one for all of them.
    """
    lengths = {len(array) for name, array in arrays.items() if name in together and array.ndim}
    mine, given = ({_form(name, array, together) for name, array in one.items()} for one in (like, arrays))
    if mine != given or len(lengths) > 1:
        raise ResumeError(
            "the snapshot holds other figures than the pipeline asks for",
            where=place,
            expected=short(", ".join(sorted(mine - given)) or "no more than it has", 300),
            got=short(", ".join(sorted(given - mine)) or f"lengths {sorted(lengths)}", 300),
            fix="restore with the labels and metrics of the run that took it, or start --fresh",
        )


def _form(name: str, array: NDArray[Any], together: Collection[str]) -> str:
    shape: list[object] = [*array.shape]
    if name in together:
        shape[:1] = ["any"]
    return f"{name} {array.dtype}{shape}"

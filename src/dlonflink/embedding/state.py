"""A table as arrays by name, in canonical order: equal tables give equal bytes, however their IDs came in.

A snapshot holds everything, cut by key group (the ID's top 7 bits), IDs ascending within; groups without IDs are left
out. For the group 5: `kg/005/ids` u64 [n], `kg/005/values` f32 [n, dim], `kg/005/state` f32 [n, state] and
`kg/005/seen` u32 [n], seconds. What a version holds is `ids`, `values` and `cells` (the served state cells), IDs
ascending, of the rows that were learned from; the others are default rows with or without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.index import SEGMENTS, Index, Rows, entries
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.local import LocalTable, take
from dlonflink.errors import ResumeError
from dlonflink.features.batch import Float, Ids

KEY_GROUPS = 128
_OTHER_LAYOUT = "the table in the snapshot or version has another layout"
_FIX = "resume with the learner settings it was made with, or start afresh (--fresh)"
_WIDTH = SEGMENTS // KEY_GROUPS

Arrays = Mapping[str, NDArray[Any]]


class Stored(Protocol):
    """A table at rest: one that nobody writes now, or a copy that is whole."""

    index: Index
    values: Float
    state: Float
    dim: int


class Members(NamedTuple):
    """Of a key group."""

    ids: Ids  # ascending
    rows: Rows
    seen: Rows


@dataclass(frozen=True)
class Part:
    """An array of a snapshot that is made when it is read."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    group: int
    members: Callable[[int], Members]
    of: Callable[[Members], NDArray[Any]]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return self.dtype.itemsize * math.prod(self.shape)

    def read(self) -> NDArray[Any]:
        """The array, which is the caller's."""
        return self.of(self.members(self.group))


def parts(table: Stored) -> dict[str, Part]:
    """The arrays of a snapshot by name, in canonical order."""
    kinds: list[tuple[str, str, tuple[int, ...], Callable[[Members], NDArray[Any]]]] = [
        ("ids", "<u8", (), lambda one: one.ids),
        ("seen", "<u4", (), lambda one: one.seen),
        ("state", "<f4", (table.state.shape[1],), lambda one: take(table.state, one.rows)),
    ]
    if table.dim:
        kinds.append(("values", "<f4", (table.dim,), lambda one: take(table.values, one.rows)))
    members = lru_cache(maxsize=1)(partial(_members, table))  # most parts are of the group of the one before
    found: dict[str, Part] = {}
    for group in range(KEY_GROUPS):
        n = int(table.index.counts[group * _WIDTH : (group + 1) * _WIDTH].sum())
        if n:
            for name, dtype, width, of in kinds:
                found[f"kg/{group:03}/{name}"] = Part(np.dtype(dtype), (n, *width), group, members, of)
    return found


def groups(table: Stored) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of a snapshot, one at a time, in canonical order. Copies."""
    for name, part in parts(table).items():
        yield name, part.read()


def restore(table: LocalTable, arrays: Arrays) -> None:
    """Fills an empty table from a snapshot. ResumeError where it was made by a table of another layout."""
    for name in sorted(arrays):
        if not name.endswith("/ids"):
            continue
        prefix = name.removesuffix("/ids")
        ids = _column(arrays, name, np.uint64)
        at = _fill(table, ids, _column(arrays, f"{prefix}/seen", np.uint32, len(ids)))
        put(table.state[at], arrays, f"{prefix}/state", _OTHER_LAYOUT)
        if table.dim:
            put(table.values[at], arrays, f"{prefix}/values", _OTHER_LAYOUT)


def served(table: Stored, layout: RowLayout) -> dict[str, NDArray[Any]]:
    """What a version holds; copies."""
    cells = list(layout.served)
    ids = [np.zeros(0, np.uint64)]
    values = [np.zeros((0, layout.dim), np.float32)]
    state = [np.zeros((0, len(cells)), np.float32)]
    for group in range(KEY_GROUPS):
        one = _members(table, group)
        taken = take(table.state, one.rows)
        learned = taken[:, -1] != 0
        ids.append(one.ids[learned])
        state.append(taken[learned][:, cells])
        if layout.dim:
            values.append(take(table.values, one.rows[learned]))
    parts: dict[str, NDArray[Any]] = {"ids": np.concatenate(ids)}
    if layout.dim:
        parts["values"] = np.concatenate(values)
    if cells:
        parts["cells"] = np.concatenate(state)
    return parts


def restore_served(table: LocalTable, arrays: Arrays) -> None:
    """Fills an empty table from a version: enough for predict. Its rows count as learned from once."""
    ids = _column(arrays, "ids", np.uint64)
    at = _fill(table, ids, np.zeros(len(ids), np.uint32))
    table.state[at, -1] = 1
    if table.dim:
        put(table.values[at], arrays, "values", _OTHER_LAYOUT)
    if table.layout.served:
        cells = np.zeros((len(ids), len(table.layout.served)), np.float32)
        put(cells, arrays, "cells", _OTHER_LAYOUT)
        table.state[at, list(table.layout.served)] = cells


def _members(table: Stored, group: int) -> Members:
    ids, rows, seen = entries(table.index, group * _WIDTH, (group + 1) * _WIDTH)
    order = np.argsort(ids)
    return Members(ids[order], rows[order], seen[order])


def _fill(table: LocalTable, ids: NDArray[Any], seen: NDArray[Any]) -> slice:
    """Inserts IDs that are not there yet; gives their rows, which follow one another."""
    first = table.size + 1
    ones = np.ones(len(ids), np.float32)
    table.upsert(ids, np.arange(len(ids) + 1), seen.astype(np.int64) * 1000, ones)
    if table.size + 1 - first != len(ids):
        raise ResumeError("the table in the snapshot or version has an ID twice", fix=_FIX)
    return slice(first, table.size + 1)


def _column(arrays: Arrays, name: str, dtype: type[np.generic], length: int | None = None) -> NDArray[Any]:
    """One number for each ID. The kernels that take it know one type, and look at no length."""
    found = arrays.get(name)
    if found is None or found.dtype != dtype or found.ndim != 1 or length not in (None, len(found)):
        raise ResumeError(
            _OTHER_LAYOUT,
            where=name,
            expected=f"{np.dtype(dtype).name}[{'any' if length is None else length}]",
            got="none" if found is None else f"{found.dtype}{list(found.shape)}",
            fix=_FIX,
        )
    return found


def put(target: NDArray[Any], arrays: Arrays, name: str, refusal: str) -> None:
    """Copies the array of that name into `target`. ResumeError, saying `refusal`, where it is missing or has another
    shape.
    """
    source = arrays.get(name)
    if source is None or source.shape != target.shape:
        raise ResumeError(
            refusal,
            where=name,
            expected=f"an array of shape {target.shape}",
            got="none" if source is None else f"shape {source.shape}",
            fix=_FIX,
        )
    target[...] = source

"""A table as arrays by name, in canonical order: equal tables give equal bytes, however their IDs came in.

A snapshot holds everything, cut by key group (the ID's top 7 bits), IDs ascending within; groups without IDs are left
out. For the group 5: `kg/005/ids` u64 [n], `kg/005/values` f32 [n, dim], `kg/005/state` f32 [n, state] and
`kg/005/seen` u32 [n], seconds. What a version holds is `ids`, `values` and `cells` (the served state cells), IDs
ascending, of the rows that were learned from; the others are default rows with or without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.index import SEGMENTS, entries
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.local import LocalTable, take
from dlonflink.errors import ResumeError

KEY_GROUPS = 128
_OTHER_LAYOUT = "the table in the snapshot or version has another layout"
_FIX = "resume with the learner settings it was made with, or start afresh (--fresh)"
_WIDTH = SEGMENTS // KEY_GROUPS

Arrays = Mapping[str, NDArray[Any]]


def groups(table: LocalTable) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of a snapshot, one at a time, in canonical order. Copies."""
    for group in range(KEY_GROUPS):
        ids, rows, seen = _members(table, group)
        if len(ids) == 0:
            continue
        prefix = f"kg/{group:03}"
        yield f"{prefix}/ids", ids
        yield f"{prefix}/seen", seen
        yield f"{prefix}/state", take(table.state, rows)
        if table.dim:
            yield f"{prefix}/values", take(table.values, rows)


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


def served(arrays: Arrays, layout: RowLayout) -> dict[str, NDArray[Any]]:
    """What a version holds, out of a snapshot's arrays: any thread may do it while the table goes on."""
    cells = list(layout.served)
    ids = [np.zeros(0, np.uint64)]
    values = [np.zeros((0, layout.dim), np.float32)]
    state = [np.zeros((0, len(cells)), np.float32)]
    for name in sorted(arrays):
        if not name.endswith("/ids"):
            continue
        prefix = name.removesuffix("/ids")
        learned = arrays[f"{prefix}/state"][:, -1] != 0
        ids.append(arrays[name][learned])
        state.append(arrays[f"{prefix}/state"][learned][:, cells])
        if layout.dim:
            values.append(arrays[f"{prefix}/values"][learned])
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


def _members(table: LocalTable, group: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """IDs of a key group, ascending, their rows, and when they were last seen."""
    ids, rows, seen = entries(table.index, group * _WIDTH, (group + 1) * _WIDTH)
    order = np.argsort(ids)
    return ids[order], rows[order], seen[order]


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

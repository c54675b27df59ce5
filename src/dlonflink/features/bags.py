"""Every row's distinct IDs, whatever column they come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlonflink.features.batch import Bag, Float, Ids, Ragged
from dlonflink.kernel import kernel

Longs = NDArray[np.int64]


def grid(ids: Ids) -> Bag:
    """Where no ID can stand twice in a row and every value is 1. ids [size, features]."""
    return Bag(ids.ravel(), None, None, ids.shape[1])


def merged(singles: Ids, lists: Sequence[Ragged], dense_ids: Ids, dense: Float) -> Bag:
    """IDs of one row in the order of their first mention: singles [size, n], then lists, pooled as they say, then dense
    numbers [size, m] under dense_ids [m]. Equal IDs are one, with their values added; a number that is 0 is left out.
    """
    size = len(singles)
    offsets = np.zeros((len(lists), size + 1), np.int64)
    begin = 0
    for i, ragged in enumerate(lists):
        offsets[i] = ragged.offsets + begin
        begin += len(ragged.values)
    elements = np.concatenate([np.zeros(0, np.uint64), *(ragged.values for ragged in lists)])
    means = np.array([ragged.pooling == "mean" for ragged in lists], np.bool_)
    longest = singles.shape[1] + len(dense_ids) + int(np.diff(offsets, axis=1).sum(axis=0).max(initial=0))
    # Twice as many slots as IDs keep the probes short; IDs are hashes already, so their low bits choose the slot.
    slots = 1 << max(longest * 2 - 1, 1).bit_length()
    ids, values, ends = _merge(singles, elements, offsets, means, dense_ids, dense, slots)
    return Bag(ids, values, ends, 0)


@kernel
def _add(ids: Ids, values: Float, first: int, end: int, one: np.uint64, value: np.float32, slots: Longs) -> int:
    """Adds one ID to the row that began at `first`; returns its new end. Slots hold positions, stale below first."""
    mask = np.uint64(len(slots) - 1)
    slot = one & mask
    while slots[slot] >= first:
        at = slots[slot]
        if ids[at] == one:
            values[at] += value
            return end
        slot = (slot + np.uint64(1)) & mask
    slots[slot] = end
    ids[end] = one
    values[end] = value
    return end + 1


@kernel
def _merge(
    singles: Ids, elements: Ids, offsets: Longs, means: NDArray[np.bool_], dense_ids: Ids, dense: Float, slots: int
) -> tuple[Ids, Float, Longs]:
    size = len(singles)
    most = singles.size + len(elements) + dense.size
    ids = np.empty(most, np.uint64)
    values = np.empty(most, np.float32)
    ends = np.zeros(size + 1, np.int64)
    places = np.full(slots, -1, np.int64)
    end = 0
    for r in range(size):
        first = end
        for f in range(singles.shape[1]):
            end = _add(ids, values, first, end, singles[r, f], np.float32(1), places)
        for i in range(len(offsets)):
            length = offsets[i, r + 1] - offsets[i, r]
            share = np.float32(1) / np.float32(length) if means[i] else np.float32(1)
            for e in range(offsets[i, r], offsets[i, r + 1]):
                end = _add(ids, values, first, end, elements[e], share, places)
        for d in range(len(dense_ids)):
            if dense[r, d] != 0:
                end = _add(ids, values, first, end, dense_ids[d], dense[r, d], places)
        ends[r + 1] = end
    return ids[:end].copy(), values[:end].copy(), ends

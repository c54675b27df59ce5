"""64-bit ID to row number: open addressing in reserved memory.

A slot is 16 bytes: the ID, then its row (low 32 bits; 0: the slot is free) and when it was last seen (high 32 bits,
seconds of event time). 256 segments by the ID's top 8 bits, linear probing inside one. A segment doubles alone, in
place, at a load between 36/64 and 51/64 that depends on its number: never all at once, so no row of the stream waits
long. IDs are hashes (XXH64); other 64-bit numbers work too, slower where they crowd into few segments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.memory import reserve
from dlonflink.embedding.mirror import Marks, Number, Plane, claim, copy_block
from dlonflink.features.batch import Float, Ids, Times
from dlonflink.kernel import kernel, prefetch

SEGMENTS = 256
CHUNK = 32
"""Rows of one touched mark."""
LINE = 4
"""Slots of a cache line: what is copied at once before one of them is written."""

Rows = NDArray[np.uint32]
Numbers = NDArray[np.int64]

_SEGMENT = np.uint64(56)  # >> leaves the top 8 bits
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)
_TWO = np.uint64(2)
_FREE = np.uint64(0)
_LINE = np.uint64(LINE)
_AHEAD = 8  # IDs between asking for a slot's cache line and reading it
_START = 64  # slots of a new segment: 1 KiB


class Index(NamedTuple):
    """The state of an index, as the kernels below read and write it."""

    slots: NDArray[np.uint64]  # [SEGMENTS * most, 2]
    sizes: Numbers  # [SEGMENTS] slots in use of a segment's `most`, a power of two
    counts: Numbers  # [SEGMENTS] IDs
    rows: Numbers  # [1] rows given out so far
    limits: Numbers  # [2]: rows at most; slots of a segment at most


def make_index(capacity: int) -> Index:
    """An empty index for `capacity` rows, a power of two >= 2**14."""
    # A segment gets 1/256 of the rows, and is full at a load of at least 36/64: twice the slots are enough.
    most = 2 * capacity // SEGMENTS
    return Index(
        slots=reserve(SEGMENTS * most, 2, np.uint64),
        sizes=np.full(SEGMENTS, min(_START, most), np.int64),
        counts=np.zeros(SEGMENTS, np.int64),
        rows=np.zeros(1, np.int64),
        limits=np.array([capacity, most], np.int64),
    )


class Guard(NamedTuple):
    """Where slots go that belong to a copy under way, before they are first written (embedding/copies.py)."""

    slots: Plane
    marks: Marks
    sizes: Numbers  # [SEGMENTS] slots of each segment that belong to the copy; all 0: there is none


def no_guard() -> Guard:
    """While no copy is under way."""
    nothing, mark = np.zeros(0, np.uint64), np.zeros(1, np.uint8)
    return Guard(Plane(nothing, nothing, 2 * LINE), Marks(mark, mark), np.zeros(SEGMENTS, np.int64))


@kernel
def _probe(key: np.uint64, mask: np.uint64) -> np.uint64:
    """Where probing for `key` begins in its segment. The high half is folded in, for IDs that are not hashes."""
    return (key ^ (key >> _HALF)) & mask


@kernel
def _first_slot(index: Index, key: np.uint64) -> np.uint64:
    """The slot to ask the memory for."""
    segment = np.int64(key >> _SEGMENT)
    return np.uint64(segment * index.limits[1]) + _probe(key, np.uint64(index.sizes[segment] - 1))


@kernel
def _slot(index: Index, key: np.uint64) -> np.uint64:
    """The slot that holds `key`, or the free one where it belongs."""
    segment = np.int64(key >> _SEGMENT)
    base = np.uint64(segment * index.limits[1])
    mask = np.uint64(index.sizes[segment] - 1)
    inside = _probe(key, mask)
    while index.slots[base + inside, 1] != _FREE and index.slots[base + inside, 0] != key:
        inside = (inside + _ONE) & mask
    return base + inside


@kernel
def find(index: Index, ids: Ids) -> Rows:
    """The rows of `ids`; 0 where there is none. Changes nothing."""
    out = np.empty(len(ids), np.uint32)
    for i in range(len(ids)):
        if i + _AHEAD < len(ids):
            prefetch(index.slots, _first_slot(index, ids[i + _AHEAD]))
        out[i] = np.uint32(index.slots[_slot(index, ids[i]), 1] & _LOW)
    return out


@kernel
def _keep(index: Index, guard: Guard, segment: np.int64, slot: Number) -> None:
    """To be called before `slot` of `segment` is written."""
    if slot - segment * index.limits[1] < guard.sizes[segment] and claim(guard.marks, slot // LINE):
        copy_block(guard.slots, slot // LINE)


@kernel
def _double(index: Index, guard: Guard, segment: np.int64) -> None:
    """Gives a segment twice its slots, in place."""
    base = segment * index.limits[1]
    for slot in range(base, base + guard.sizes[segment], LINE):
        _keep(index, guard, segment, slot)
    size = index.sizes[segment]
    held = np.empty((index.counts[segment], 2), np.uint64)
    n = 0
    for slot in range(base, base + size):
        if index.slots[slot, 1] != _FREE:
            held[n, 0] = index.slots[slot, 0]
            held[n, 1] = index.slots[slot, 1]
            n += 1
            index.slots[slot, 1] = _FREE
    index.sizes[segment] = 2 * size
    for i in range(n):
        slot = _slot(index, held[i, 0])
        index.slots[slot, 0] = held[i, 0]
        index.slots[slot, 1] = held[i, 1]


@kernel
def _insert(index: Index, guard: Guard, key: np.uint64, slot: np.uint64, seen: np.uint64) -> np.uint64:
    """A new row for `key`, last seen at `seen`, at its free slot; 0 when the index is full."""
    segment = np.int64(key >> _SEGMENT)
    size = index.sizes[segment]
    count = index.counts[segment] + 1
    # The last doubling is followed by nothing: there it may fill up to 15/16.
    if index.rows[0] == index.limits[0] or count * 16 > size * 15:
        return _FREE
    index.rows[0] += 1
    row = np.uint64(index.rows[0])
    _keep(index, guard, segment, np.int64(slot))
    index.slots[slot, 0] = key
    index.slots[slot, 1] = row | (seen << _HALF)
    index.counts[segment] = count
    if count * 64 > size * (36 + (segment & 15)) and size < index.limits[1]:
        _double(index, guard, segment)
    return row


@kernel
def upsert(
    index: Index,
    guard: Guard,
    touched: NDArray[np.uint8],
    ids: Ids,
    offsets: Numbers,
    event_time: Times,
    weights: Float,
) -> tuple[Rows, bool]:
    """The rows of `ids`, new ones where there was none, and whether there was room for all.

    ID p belongs to data row r where offsets[r] <= p < offsets[r + 1]; event_time (ms UTC) and weights are per data
    row. Last seen becomes the latest event time, in seconds, cut to 0 ... 2**32 - 1. A data row of weight 0 inserts and
    marks nothing: row 0 stands for its unknown IDs.
    """
    out = np.empty(len(ids), np.uint32)
    guarded = len(guard.slots.copy) > 0
    for r in range(len(offsets) - 1):
        seen = np.uint64(min(max(event_time[r] // 1000, 0), 0xFFFFFFFF))
        learned = weights[r] != 0
        for i in range(offsets[r], offsets[r + 1]):
            if i + _AHEAD < len(ids):
                ahead = _first_slot(index, ids[i + _AHEAD])
                prefetch(index.slots, ahead)
                if guarded:
                    prefetch(guard.slots.copy, ahead * _TWO)
                    prefetch(guard.marks.blocks, ahead // _LINE)
            slot = _slot(index, ids[i])
            entry = index.slots[slot, 1]
            row = entry & _LOW
            if learned:
                if row == _FREE:
                    row = _insert(index, guard, ids[i], slot, seen)
                    if row == _FREE:
                        return out, False
                else:
                    _keep(index, guard, np.int64(ids[i] >> _SEGMENT), np.int64(slot))
                    index.slots[slot, 1] = row | (max(entry >> _HALF, seen) << _HALF)
                touched[row >> np.uint64(5)] = 1
            out[i] = np.uint32(row)
    return out, True


@kernel
def entries(index: Index, first: int, last: int) -> tuple[Ids, Rows, Rows]:
    """IDs, rows and last seen of the segments first ... last - 1, in no stated order."""
    n = 0
    for segment in range(first, last):
        n += index.counts[segment]
    ids = np.empty(n, np.uint64)
    rows = np.empty(n, np.uint32)
    seen = np.empty(n, np.uint32)
    n = 0
    for segment in range(first, last):
        base = segment * index.limits[1]
        for slot in range(base, base + index.sizes[segment]):
            entry = index.slots[slot, 1]
            if entry != _FREE:
                ids[n] = index.slots[slot, 0]
                rows[n] = np.uint32(entry & _LOW)
                seen[n] = np.uint32(entry >> _HALF)
                n += 1
    return ids, rows, seen

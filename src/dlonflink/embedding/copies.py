"""Copies of a table at one moment, while the stream runs on: copy-on-write, in small blocks, into memory that is kept.

A copy of a table of 10^7 IDs takes a second, so nobody may wait for it. Instead:

1. `open`, at a barrier: what is small (sizes, counts) is copied; how many rows there are is noted. The rest is as good
   as copied, for nothing is written from now on before it is.
2. Before a row or a slot of the index is first written, its block is copied: rows by `before_writing`, slots within the
   index's kernel (index.Guard), a whole segment where it doubles. Rows that are new since do not matter.
3. `sweep`, between batches: a bounded piece of what is still missing. Whoever learns calls it again and again, also
   when no rows come.
4. When nothing is missing, the copy is whole, and its readers, in any thread, go on: to them it is a table at rest. The
   table is on its own again.
5. When the last reader has let go of it, its place serves the next copy. Memory that is written for the first time
   costs more than the copy (a page fault for every 4 KiB), so places are touched ahead, as the table grows.

Nothing is written by two threads: all but the readers is the learning thread's.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.index import LINE, SEGMENTS, Guard, Index, Numbers, Rows, no_guard
from dlonflink.embedding.memory import reserve
from dlonflink.embedding.mirror import Marks, Plane, claim, copy_block
from dlonflink.features.batch import Float
from dlonflink.kernel import kernel, prefetch

PIECE = 8 << 20
"""Bytes of a sweep: some 3 ms."""

_BLOCK = 1  # rows. Larger ones copy more than what a batch writes
_KEPT = 2  # places that are not given back: one copy is taken while a version is made of the one before
_AHEAD = 16  # rows between asking for a cache line and reading it
_PAGE = 4096  # bytes


@final
class TableCopy:
    """A table as it was when this was made. `index`, `values` and `state` are to be read by whoever has waited."""

    def __init__(self, place: _Place, index: Index, missing: Copies) -> None:
        self.index = index
        self.values: Float = place.values
        self.state: Float = place.state
        self.dim = place.values.shape[1]
        self._missing = missing
        self._settled = threading.Event()
        self._dropped = False
        self._maker = threading.get_ident()
        self._leave = weakref.finalize(self, place.leave)
        self._leave.atexit = False

    def release(self) -> None:
        """It will not be read again: sooner than when the last reader has let go of it."""
        self._leave()

    def wait(self) -> bool:
        """Until it is whole: then True; False if it was dropped. In the thread that opened it, it does what is missing
        itself.
        """
        while not self._settled.is_set() and threading.get_ident() == self._maker:
            self._missing.sweep()
        self._settled.wait()
        return not self._dropped

    def settle(self, *, dropped: bool) -> None:
        """Lets the readers go on."""
        self._dropped = dropped
        self._settled.set()


@final
class Copies:
    """Of one table, whose `values` and `state` stand in reserved memory and never move."""

    def __init__(self, index: Index, values: Float, state: Float) -> None:
        self._index = index
        self._values = values
        self._state = state
        # Address space: where there is too little, it is the table that must be smaller.
        self._places = [_Place(index, values, state)]
        self._expected = False
        self._grown = -1  # rows that the places were last touched for
        self._at = np.zeros(2, np.int64)  # the segment, and the block in it, that the sweep has come to
        self._block = 0  # of rows, that the sweep has come to
        self._blocks = 0  # of rows, that belong to the copy
        self._open: TableCopy | None = None
        self._rows: tuple[Plane, Plane]
        self._row_marks: Marks
        self.guard: Guard = no_guard()
        """What index.upsert must keep."""

    def expect(self) -> None:
        """Step 5, from now on: copies will be opened. A table that only serves has none, and pays for none."""
        self._expected = True
        self.grow()

    def open(self) -> TableCopy:
        """Step 1. A copy that is not whole yet is made so first: checkpoints that overlap are rare."""
        while self._open is not None:
            self.sweep()
        place = self._take()
        sizes, counts, rows = (array.copy() for array in (self._index.sizes, self._index.counts, self._index.rows))
        frozen = Index(place.slots, sizes, counts, rows, self._index.limits)
        place.begin(int(rows[0]), sizes)
        self._at[:] = 0
        self._block = 0
        self._blocks = -(-int(rows[0]) // _BLOCK)
        self._watch(place, sizes)
        self._open = TableCopy(place, frozen, self)
        return self._open

    def before_writing(self, rows: Rows) -> None:
        """Step 2. Every row of `rows` may be written after it; 0 and equal ones are welcome."""
        if self._open is not None:
            _keep_rows(self._rows[0], self._rows[1], self._row_marks, rows, self._block, self._blocks)

    def sweep(self, size: int = PIECE) -> bool:
        """Step 3: about `size` bytes. Whether more is missing."""
        if self._open is None:
            return False
        size = _sweep_slots(self.guard, int(self._index.limits[1]), self._at, size)
        self._block = _sweep_rows(self._rows[0], self._rows[1], self._row_marks, self._block, self._blocks, size)
        whole = bool(self._at[0] == SEGMENTS and self._block == self._blocks)
        if whole:
            self._close(dropped=False)
        return not whole

    def drop(self, copy: TableCopy) -> None:
        """Nobody wants it any more."""
        if copy is self._open:
            self._close(dropped=True)

    def grow(self) -> None:
        """Step 5: to be called when rows may have come."""
        rows = int(self._index.rows[0])
        if self._expected and rows != self._grown:
            self._grown = rows
            for place in self._places:
                place.touch(rows, self._index.sizes)

    def _close(self, *, dropped: bool) -> None:
        """Step 4."""
        copy, self._open = self._open, None
        self.guard = no_guard()
        if copy is not None:
            copy.settle(dropped=dropped)

    def _take(self) -> _Place:
        free = [place for place in self._places if place.free]
        for place in free[1:]:
            if len(self._places) > _KEPT:
                self._places.remove(place)
        if not free:
            free = [_Place(self._index, self._values, self._state)]
            self._places += free
        free[0].free = False
        return free[0]

    def _watch(self, place: _Place, sizes: Numbers) -> None:
        slots = Plane(_flat(self._index.slots), _flat(place.slots), 2 * LINE)
        self.guard = Guard(slots, Marks(place.slot_marks, place.number), sizes)
        # From row 1 on: row 0 is never written, nor asked for.
        self._rows = (
            Plane(_flat(self._values[1:]), _flat(place.values[1:]), _BLOCK * self._values.shape[1]),
            Plane(_flat(self._state[1:]), _flat(place.state[1:]), _BLOCK * self._state.shape[1]),
        )
        self._row_marks = Marks(place.row_marks, place.number)


class _Place:
    """Memory for one copy: address space as the table's own, of which only what is needed is paid for."""

    def __init__(self, index: Index, values: Float, state: Float) -> None:
        self.slots: NDArray[np.uint64] = reserve(len(index.slots), 2, np.uint64)
        self.values: Float = reserve(len(values), values.shape[1], np.float32)
        self.state: Float = reserve(len(state), state.shape[1], np.float32)
        self.slot_marks: NDArray[np.uint8] = reserve(len(index.slots) // LINE, 1, np.uint8)[:, 0]
        self.row_marks: NDArray[np.uint8] = reserve(len(values) // _BLOCK + 1, 1, np.uint8)[:, 0]
        self.number = np.zeros(1, np.uint8)
        self.free = True
        self._most = int(index.limits[1])
        self._rows = 0  # rows, and slots of each segment, whose pages are touched
        self._sizes: Numbers = np.zeros(SEGMENTS, np.int64)

    def leave(self) -> None:
        """From any thread: the next copy may have it."""
        self.free = True

    def begin(self, rows: int, sizes: Numbers) -> None:
        """A copy of `rows` rows and of segments of `sizes` slots: no block is copied yet."""
        if self.number[0] == 255:
            # Marks of an earlier 1 would pass for this one's. The rest of the memory is zeros, and stays unpaid.
            self.row_marks[: self._rows // _BLOCK + 1] = 0
            for segment, size in enumerate(self._sizes.tolist()):
                self.slot_marks[segment * self._most // LINE :][: size // LINE] = 0
            self.number[0] = 0
        self.number[0] += 1
        # What was not touched is so from here on, for it will be written: touching writes zeros.
        self._rows = max(self._rows, rows)
        self._sizes = np.maximum(self._sizes, sizes)

    def touch(self, rows: int, sizes: Numbers) -> None:
        """Writes to each page that a copy of `rows` rows and of segments of `sizes` slots would be the first to write
        to. A copy that lies here already has none of them.
        """
        for array, old, new in (
            (self.values, self._rows + 1, rows + 1),
            (self.state, self._rows + 1, rows + 1),
            (self.row_marks, self._rows // _BLOCK + 1, rows // _BLOCK + 1),
        ):
            _touch(array, old, new)
        self._rows = rows
        for segment in np.flatnonzero(sizes > self._sizes).tolist():
            first, old, new = segment * self._most, int(self._sizes[segment]), int(sizes[segment])
            _touch(self.slots, first + old, first + new)
            _touch(self.slot_marks, (first + old) // LINE, (first + new) // LINE)
        self._sizes = sizes.copy()


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(-1)


def _touch(array: NDArray[Any], first: int, last: int) -> None:
    """Zeros into each page that begins within the rows first ... last - 1."""
    width = array.strides[0]
    if width:
        step = _PAGE // array.itemsize
        begin, end = (-(-row * width // _PAGE) * step for row in (first, last))
        _flat(array)[begin:end:step] = 0


@kernel
def _keep_rows(values: Plane, state: Plane, marks: Marks, rows: Rows, first: int, last: int) -> None:
    """Copies those blocks first ... last - 1 that `rows` lie in."""
    for i in range(len(rows)):
        if i + _AHEAD < len(rows):
            ahead = (np.int64(rows[i + _AHEAD]) - 1) // _BLOCK
            if first <= ahead < last:
                prefetch(marks.blocks, np.uint64(ahead))
                prefetch(values.source, np.uint64(ahead * values.width))
                prefetch(state.source, np.uint64(ahead * state.width))
                prefetch(values.copy, np.uint64(ahead * values.width))
                prefetch(state.copy, np.uint64(ahead * state.width))
        block = (np.int64(rows[i]) - 1) // _BLOCK
        if first <= block < last and claim(marks, block):
            copy_block(values, block)
            copy_block(state, block)


@kernel
def _sweep_rows(values: Plane, state: Plane, marks: Marks, first: int, last: int, size: int) -> int:
    """Copies what is missing of the blocks first ... last - 1, about `size` bytes. The block that it came to."""
    block = first
    while block < last and size > 0:
        if claim(marks, block):
            copy_block(values, block)
            copy_block(state, block)
            size -= 4 * (values.width + state.width)
        size -= 1  # a look at a mark is not for nothing
        block += 1
    return block


@kernel
def _sweep_slots(guard: Guard, most: int, at: Numbers, size: int) -> int:
    """Copies what is missing of the segments from `at` on, and moves it. What is left of `size` bytes."""
    while at[0] < SEGMENTS and size > 0:
        if at[1] * LINE < guard.sizes[at[0]]:
            block = (at[0] * most) // LINE + at[1]
            if claim(guard.marks, block):
                copy_block(guard.slots, block)
                size -= 16 * LINE
            size -= 1
            at[1] += 1
        else:
            at[0] += 1
            at[1] = 0
    return size

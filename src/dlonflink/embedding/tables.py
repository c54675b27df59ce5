"""How a learner reaches embedding tables."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from dlonflink.embedding import state
from dlonflink.embedding.copies import TableCopy
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.local import LocalTable
from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.state import Arrays
from dlonflink.errors import TableError
from dlonflink.features.batch import Batch, Float, Ids, Times


class Hash(Protocol):
    """What `hashlib.sha256()` gives."""

    def update(self, data: bytes, /) -> None: ...


class Tables:
    """Routes a batch to its table and back. One table for all columns: their IDs are salted with their vocabulary.

    The table is made on first use, from `settings`. A compiled learner lays out its own instead, once, by `local`.
    The trainer and the store use the second half of the methods, learners only the first.
    """

    def __init__(self, settings: Embedding, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self._table: LocalTable | None = None
        self._compiled = False

    def lookup(self, batch: Batch) -> Float:
        """[n, features, dim] of Batch.ids, for predict. Changes nothing."""
        return self._rows_of(batch, self._driven().lookup(_flat(batch)))

    def gather(self, batch: Batch) -> Float:
        """[n, features, dim] of Batch.ids, for learn: lookup's values; the IDs are inserted, and seen at event_time."""
        times = np.repeat(batch.event_time, batch.ids.shape[1])
        return self._rows_of(batch, self._driven().gather(_flat(batch), times))

    def apply(self, batch: Batch, gradients: Float) -> None:
        """One optimizer step for each ID of a batch that was gathered; gradients [n, features, dim].

        TableError where one is not finite, or has another shape: then nothing is changed.
        """
        table = self._driven()
        expected = (*batch.ids.shape, table.dim)
        if gradients.size != batch.ids.size * table.dim or gradients.shape[0] != batch.size:
            raise TableError(
                "gradients do not fit the batch",
                expected=f"shape {expected}: rows, features, embedding.dim",
                got=f"shape {gradients.shape}",
                fix="return one gradient for each value that gather gave",
            )
        table.apply(_flat(batch), gradients.reshape(batch.ids.size, table.dim))

    def lookup_all(self, batch: Batch) -> Float:
        """[m, dim] of every ID of the batch, for predict: Batch.ids row by row, then each of Batch.lists in turn."""
        return self._driven().lookup(_every(batch))

    def gather_all(self, batch: Batch) -> Float:
        """[m, dim] in the order of `lookup_all`, for learn: as `gather`, lists included."""
        return self._driven().gather(_every(batch), _every_time(batch))

    def apply_all(self, batch: Batch, gradients: Float) -> None:
        """As `apply`, gradients [m, dim] in the order of `lookup_all`: an ID that a list and a column share makes one
        step.
        """
        self._driven().apply(_every(batch), gradients)

    @property
    def dim(self) -> int:
        """Numbers of a row that lookup and gather give."""
        return self._driven().dim

    def local(self, layout: RowLayout, init: float) -> LocalTable:
        """A compiled learner's own table, whose memory its kernels read and write. Called once, in its constructor."""
        if self._table is not None:
            raise TableError(
                "the learner's table exists already",
                expected="one call of Tables.local, in the learner's constructor, and no lookup, gather or apply",
                fix="keep what Tables.local returned",
            )
        self._compiled = True
        self._table = LocalTable(layout, self._seed, init=init)
        return self._table

    @property
    def size(self) -> int:
        """IDs in the table."""
        return 0 if self._table is None else self._table.size

    @property
    def layout(self) -> RowLayout:
        """Of its table's rows: with it, `state.served` makes a version's arrays out of a copy."""
        return self._any().layout

    def expect_copies(self) -> None:
        """`copy` will be called, and must be quick then: its memory is made ready from now on."""
        self._any().copies.expect()

    def copy(self) -> TableCopy:
        """The table now, for any thread that waits for it. It is made whole by `sweep`."""
        return self._any().copies.open()

    def sweep(self) -> bool:
        """A few milliseconds' work on the copy under way; whether there is more."""
        return self._any().copies.sweep()

    def drop(self, copy: TableCopy) -> None:
        """No more work on this copy; who waits for it is told."""
        self._any().copies.drop(copy)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Everything, as copies, by the names of `embedding.state`."""
        return dict(state.groups(self._any()))

    def restore(self, arrays: Arrays) -> None:
        """Into a table that is still empty. ResumeError where the layout is another."""
        state.restore(self._any(), arrays)

    def served(self) -> dict[str, np.ndarray]:
        """What predict reads, as copies: for versions."""
        return state.served(self._any(), self.layout)

    def restore_served(self, arrays: Arrays) -> None:
        """As restore, from what `served` gave."""
        state.restore_served(self._any(), arrays)

    def digest(self, into: Hash) -> None:
        """Feeds the snapshot's names, shapes and bytes in canonical order."""
        for name, array in state.groups(self._any()):
            into.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            into.update(array.tobytes())

    def touched(self) -> Ids:
        """IDs that were inserted or learned from since `clear_touched`, ascending, and a few neighbours."""
        table = self._any()
        return table.changes.touched(table.index)

    def clear_touched(self) -> None:
        """Begins a new interval of `touched`."""
        table = self._any()
        table.changes.clear(table.index)

    def _any(self) -> LocalTable:
        if self._table is None:
            one = self._settings
            layout = RowLayout(dim=one.dim, state=4)
            self._table = LocalTable(layout, self._seed, init=one.init, optimizer=one.optimizer, lr=one.lr)
        return self._table

    def _driven(self) -> LocalTable:
        if self._compiled:
            raise TableError(
                "the learner laid out its own table, and drives it by its own kernels",
                expected="either Tables.local, or lookup, gather and apply",
                fix="use one of the two",
            )
        return self._any()

    @staticmethod
    def _rows_of(batch: Batch, values: Float) -> Float:
        return values.reshape(*batch.ids.shape, values.shape[1])


def _flat(batch: Batch) -> Ids:
    return np.ascontiguousarray(batch.ids).reshape(-1)


def _every(batch: Batch) -> Ids:
    return (
        np.concatenate([_flat(batch), *(one.values for one in batch.lists.values())]) if batch.lists else _flat(batch)
    )


def _every_time(batch: Batch) -> Times:
    lists = [np.repeat(batch.event_time, np.diff(one.offsets)) for one in batch.lists.values()]
    return np.concatenate([np.repeat(batch.event_time, batch.ids.shape[1]), *lists])

"""The embedding table that lies in this process."""

from __future__ import annotations

from typing import Literal

import numpy as np

from dlonflink.embedding.base import EmbeddingTable
from dlonflink.embedding.changes import Changes
from dlonflink.embedding.copies import Copies
from dlonflink.embedding.index import Index, Numbers, Rows, find, make_index, upsert
from dlonflink.embedding.initial import unit
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.memory import reserve
from dlonflink.embedding.steps import Rule, coalesce, start, step
from dlonflink.errors import TableError
from dlonflink.features.batch import Float, Ids, Times
from dlonflink.kernel import kernel, plain, prefetch

CAPACITY = 2**27
"""Rows a table reserves address space for. What they cost is paid when they are used."""

_LEAST = 2**14


_AHEAD = 16  # rows between asking for a cache line and reading it


@kernel
def take(source: Float, rows: Rows) -> Float:
    """source[rows], in a third of numpy's time: the rows lie anywhere, so they are asked for ahead."""
    out = np.empty((len(rows), source.shape[1]), np.float32)
    for i in range(len(rows)):
        if i + _AHEAD < len(rows):
            prefetch(source, np.uint64(rows[i + _AHEAD]))
        for k in range(source.shape[1]):
            out[i, k] = source[rows[i], k]
    return out


class LocalTable(EmbeddingTable):
    """Rows in the order their IDs first came, from 1; row 0 is the default row, zeros, and is never written.

    `values` [capacity + 1, dim] and `state` [capacity + 1, state] lie in reserved memory: rows never move. A table is
    driven either by gradients (gather, apply) or by kernels that write `values` and `state` themselves (rows, upsert):
    only rows that `upsert` gave since the batch began, for a copy may be under way.
    """

    def __init__(
        self,
        layout: RowLayout,
        seed: int,
        *,
        init: float = 0.01,
        optimizer: Literal["adagrad", "sgd"] = "adagrad",
        lr: float = 0.1,
        capacity: int = CAPACITY,
    ) -> None:
        """Capacity is a power of two >= 2**14; where the system lends less address space, it is halved till it fits."""
        self.layout = layout
        self.dim = layout.dim
        self.rule = Rule(np.float32(lr), optimizer == "adagrad", np.uint64(seed % 2**64), unit(init))
        while True:
            try:
                self.index: Index = make_index(capacity)
                self.values: Float = reserve(capacity + 1, layout.dim, np.float32)
                self.state: Float = reserve(capacity + 1, layout.state, np.float32)
                self.changes = Changes(capacity)
                self.copies = Copies(self.index, self.values, self.state)
            except MemoryError:
                if capacity <= _LEAST:
                    raise
                capacity //= 2
            else:
                break

    @property
    def size(self) -> int:
        """IDs in the table."""
        return int(self.index.rows[0])

    def rows(self, ids: Ids) -> Rows:
        """[n] row of each ID, 0 where it is absent. Changes nothing."""
        return find(self.index, plain(ids))

    def upsert(self, ids: Ids, offsets: Numbers, event_time: Times, weights: Float) -> Rows:
        """[n] row of each ID of the data rows that `offsets` [m + 1] cuts.

        Where weights [m] is not 0 they are inserted, seen and touched; elsewhere nothing is changed, and row 0 stands
        for unknown IDs. TableError when the table is full.
        """
        rows, fits = upsert(
            self.index,
            self.copies.guard,
            self.changes.marks,
            plain(ids),
            plain(offsets),
            plain(event_time),
            plain(weights),
        )
        if not fits:
            raise TableError(
                "the embedding table is full",
                expected=f"at most {self.index.limits[0]} IDs, spread evenly by their top 8 bits",
                got=f"{self.size} IDs and one more",
                fix="leave out the column whose IDs never come back (a request or session ID)",
            )
        self.copies.before_writing(rows)
        self.copies.grow()
        return rows

    def lookup(self, ids: Ids) -> Float:
        """As the contract says. A row that no gradient has reached yet is the default row too."""
        return take(self.values, self.rows(ids))

    def gather(self, ids: Ids, event_time: Times) -> Float:
        """As the contract says; event_time [n] is per ID."""
        ones = np.ones(len(ids), np.float32)
        return take(self.values, self.upsert(ids, np.arange(len(ids) + 1), event_time, ones))

    def apply(self, ids: Ids, gradients: Float) -> None:
        """As the contract says. A row's first step starts from its first values, a pure function of (seed, ID)."""
        if gradients.shape != (len(ids), self.dim):
            raise TableError(
                "gradients do not fit the rows they are for",
                expected=f"shape {(len(ids), self.dim)}",
                got=f"shape {gradients.shape}",
                fix="give apply one gradient for each ID that gather was given, in the same order",
            )
        finite = np.isfinite(gradients)
        if not finite.all():
            bad, k = divmod(int(np.argmin(finite)), self.dim)
            raise TableError(
                "a gradient is not finite",
                where=f"gradient {bad} of {len(ids)}, ID {int(ids[bad])}, number {k} of {self.dim}",
                expected="finite numbers",
                got=str(gradients[bad, k]),
                fix="lower the learning rate, or clip the gradients before apply",
            )
        rows = self.rows(ids)
        if not rows.all():
            raise TableError(
                "a gradient is for an ID that the table does not know",
                where=f"ID {int(ids[int(np.argmin(rows))])}",
                expected="IDs that gather was given in this step",
                fix="call gather, not lookup, in learn",
            )
        self.copies.before_writing(rows)
        distinct, sums = coalesce(rows, plain(gradients.astype(np.float32, copy=False)))
        start(self.values, self.state, rows, plain(ids), self.rule)
        step(self.values, self.state, distinct, sums, self.rule)

"""The contract of an embedding table."""

from __future__ import annotations

from abc import ABC, abstractmethod

from dlonflink.features.batch import Float, Ids, Times


class EmbeddingTable(ABC):
    """Rows by 64-bit ID. Called by learners, from the learning thread alone (lookup: any thread of a server).

    May block (a table may live elsewhere). A failure raises TableError and fails the task: never a partial apply.
    Resumes from its own part of the checkpoint, which the trainer takes; a learner never snapshots a table.
    IDs may repeat; order counts: gradients of equal IDs are added in input order, so results are bit-equal.
    """

    dim: int

    @abstractmethod
    def lookup(self, ids: Ids) -> Float:
        """[n, dim]. Reads only: no admission, no touch; IDs that are not in the table give the default row, zeros."""

    @abstractmethod
    def gather(self, ids: Ids, event_time: Times) -> Float:
        """[n, dim]. As lookup, and counts, admits, and marks as seen at `event_time` (ms UTC)."""

    @abstractmethod
    def apply(self, ids: Ids, gradients: Float) -> None:
        """Gradients [n, dim] of rows gathered in this step. Adds up by ID in input order, steps once for each."""

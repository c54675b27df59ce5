"""Which rows were touched since the last mark: the ground for deltas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.index import CHUNK, SEGMENTS, Index, entries
from dlonflink.embedding.memory import reserve
from dlonflink.features.batch import Ids


class Changes:
    """One mark for each chunk of 32 rows, set when one of them is inserted or seen by a row that is learned.

    `marks` is what the index's kernel writes. Coarse, so that a mark costs one store into memory that is in the cache.
    """

    def __init__(self, capacity: int) -> None:
        self.marks: NDArray[np.uint8] = reserve(capacity // CHUNK + 1, 1, np.uint8)[:, 0]

    def touched(self, index: Index) -> Ids:
        """The IDs of all rows in marked chunks, ascending: every touched one, and up to 31 neighbours of each."""
        ids, rows, _ = entries(index, 0, SEGMENTS)
        return np.sort(ids[self.marks[rows // CHUNK] != 0])

    def clear(self, index: Index) -> None:
        """Forgets all marks."""
        self.marks[: index.rows[0] // CHUNK + 1] = 0

"""How many chunks of a snapshot Flink will take: its storage sets the pace of the upload, and of nothing else."""

from __future__ import annotations

import threading
from typing import final

from dlonflink.worker.messages import FINAL


@final
class Room:
    """Snapshots are opened by the learning thread, which also closes those that nobody wants any more. Room is granted
    by the reader, and taken by the uploading thread, which closes what it has sent. The final snapshot needs none:
    Flink's reader puts it into a file, and no rows wait behind it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: set[int] = set()
        self._chunks: dict[int, int] = {}

    def open(self, checkpoint: int) -> None:
        """Its barrier has come. Room may have been granted before, and is forgotten for older ones that are closed."""
        with self._changed:
            self._open.add(checkpoint)
            self._chunks = {one: n for one, n in self._chunks.items() if one in self._open or one > checkpoint}

    def close(self, checkpoint: int) -> None:
        """Nothing more is sent; `take` is told."""
        with self._changed:
            self._open.discard(checkpoint)
            self._chunks.pop(checkpoint, None)
            self._changed.notify_all()

    def grant(self, checkpoint: int, chunks: int) -> None:
        """Flink takes so many more."""
        with self._changed:
            self._chunks[checkpoint] = self._chunks.get(checkpoint, 0) + chunks
            self._changed.notify_all()

    def take(self, checkpoint: int) -> bool:
        """Waits for room for one chunk; False if the snapshot was closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: checkpoint not in self._open or checkpoint == FINAL or self._chunks.get(checkpoint, 0) > 0
            )
            if checkpoint not in self._open:
                return False
            if checkpoint != FINAL:
                self._chunks[checkpoint] -= 1
            return True

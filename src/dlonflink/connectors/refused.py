"""Rejects of a local run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import pyarrow as pa

from dlonflink.connectors.parts import Part
from dlonflink.connectors.rejects import Reject, Rejects, Share, table
from dlonflink.connectors.sinks import FileSink
from dlonflink.errors import SetupError


@final
class Refused:
    """Counts the rows of text, and writes the bad ones, and those of the trainer, to one part file."""

    def __init__(self, rejects: Rejects, run: str) -> None:
        """`rejects.to` is a place for files. OSError where they cannot be written."""
        sink = rejects.sink()
        assert isinstance(sink, FileSink), "`check` has refused others"
        self._run = run
        self._to = rejects.place()
        self._share = Share(rejects, self._to)
        self._part = Part(sink, run)

    @property
    def rejected(self) -> int:
        """Of text."""
        return self._share.rejected

    def add(self, rows: int, rejects: Sequence[tuple[int, Reject]]) -> None:
        """Rows of text, in order; the bad ones by their place among them. Raises TooManyRejects."""
        if rejects:
            self.write(table([reject for _, reject in rejects], run=self._run, attempt=0))
        self._share.add(rows, rejects)

    def write(self, rejects: pa.RecordBatch | None) -> None:
        """Rejects of the trainer. Raises SetupError where the disk refuses them."""
        if rejects is None:
            return
        try:
            self._part.write(rejects)
        except OSError as error:
            raise SetupError("rejects cannot be written", where=self._to, got=error.strerror or str(error)) from error

    def close(self) -> None:
        """Rejects are kept however the run ends: they may be why it does."""
        self._part.finish()

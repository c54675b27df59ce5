"""Bad rows: where they go, what is said of each, and how many there may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, final

import pyarrow as pa
from pydantic import Field

from dlonflink.connectors.sinks import FileSink, Sink
from dlonflink.errors import TooManyRejects
from dlonflink.settings import OnResume, Settings

SCHEMA = pa.schema(
    [
        ("reason", pa.utf8()),
        ("message", pa.utf8()),
        ("place", pa.utf8()),
        ("bytes", pa.binary()),
        ("run", pa.utf8()),
        ("attempt", pa.int32()),
    ]
)
"""The columns of a table of rejects, in order."""

KEPT_BYTES = 1 << 16
"""Of a record without an end, such as one with an unclosed quote, the beginning tells."""


class Bound(Settings):
    """How many bad rows there may be."""

    on_resume = OnResume(free=("max_share", "over"))

    max_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The run ends when more than this share of the rows are bad."""
    over: Annotated[int, Field(ge=0)] = 10_000
    """But not before this many rows were seen."""


class Rejects(Bound):
    """Bad rows are kept, and the run goes on: text that cannot be read, and rows that no learner may see."""

    on_resume = OnResume(free=("to",))

    to: str | Sink | None = None
    """A directory, or a sink. Default: `rejects` in the pipeline's home. Columns: reason, message, place, bytes, run,
    attempt."""

    def sink(self) -> Sink:
        """A path is one of JSON lines. `to` must be said."""
        assert self.to is not None, "`absolute` says where"
        return FileSink(path=self.to) if isinstance(self.to, str) else self.to

    def place(self) -> str:
        """Where they lie, for people."""
        sink = self.sink()
        return sink.path if isinstance(sink, FileSink) else f"table {sink.table}"


@dataclass(frozen=True)
class Reject:
    """A bad row. `of` makes one, with bytes that are bounded."""

    reason: str
    message: str
    place: str
    data: bytes

    @classmethod
    def of(cls, reason: str, message: str, place: str, data: bytes) -> Reject:
        if len(data) > KEPT_BYTES:
            message = f"{message}; the first {KEPT_BYTES} of {len(data)} bytes are kept"
        return cls(reason, message, place, data[:KEPT_BYTES])


def table(rejects: Sequence[Reject], *, run: str, attempt: int) -> pa.RecordBatch:
    """As rows of `SCHEMA`."""
    columns = [
        [one.reason for one in rejects],
        [one.message for one in rejects],
        [one.place for one in rejects],
        [one.data for one in rejects],
        [run] * len(rejects),
        [attempt] * len(rejects),
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


@final
class Share:
    """Counts the rows of one stage, and ends the run when too many of them are bad. `to`: where the rejects lie."""

    def __init__(self, bound: Bound, to: str) -> None:
        self._bound = bound
        self._to = to
        self._newest: Reject | None = None
        self.seen = 0
        self.rejected = 0

    def add(self, rows: int, rejects: Sequence[tuple[int, Reject]]) -> None:
        """`rows` more rows, in order, with those of them that are bad, by their place among them.

        Raises TooManyRejects at the very row where the bound is passed, however the stream is cut.
        """
        begin = self.seen
        before = [(row, reject) for row, reject in rejects if begin + row + 1 <= self._bound.over]
        if before:
            self.rejected += len(before)
            self._newest = before[-1][1]
        if begin < self._bound.over <= begin + rows:
            self._judge(self._bound.over)
        for row, reject in rejects[len(before) :]:
            self.rejected += 1
            self._newest = reject
            self._judge(begin + row + 1)
        self.seen = begin + rows

    def _judge(self, seen: int) -> None:
        if self.rejected <= self._bound.max_share * seen:
            return
        newest = self._newest
        raise TooManyRejects(
            f"{self.rejected:,} of {seen:,} rows are bad, {self.rejected / seen:.2%}",
            where=newest.place if newest else None,
            expected=f"at most {self._bound.max_share:.2%} once {self._bound.over:,} rows are seen (source.rejects)",
            got=f"{newest.reason}: {newest.message}" if newest else None,
            fix=f"see the rejects in {self._to}; mend the source, or raise source.rejects.max_share",
        )

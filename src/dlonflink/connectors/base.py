"""What every source has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlonflink.connectors.rejects import Rejects
from dlonflink.settings import Duration, OnResume, Settings

Columns = Annotated[dict[str, str], Field(min_length=1, description="column -> Flink SQL type, in order")]


class EventTime(Settings):
    """The column that says when a row happened, and how late it may come."""

    on_resume = OnResume(free=("column", "delay"))

    column: str
    delay: Duration = "0 ms"
    """Bound of the disorder; becomes the watermark."""


class SourceBase(Settings):
    """Keys that every source has."""

    on_resume = OnResume(free=("event_time", "key", "query", "rejects"))

    event_time: str | EventTime | None = None
    key: tuple[str, ...] = ()
    """Columns that identify a row: in errors and scored rows."""
    query: str | None = None
    """Flink SQL over the table `source`, e.g. SELECT *, HOUR(ts) AS hour FROM source."""

    rejects: Rejects | None = None
    """What becomes of bad rows. Default: the first one ends the run."""

    def time(self) -> EventTime | None:
        return EventTime(column=self.event_time) if isinstance(self.event_time, str) else self.event_time

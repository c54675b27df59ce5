"""What the plan says of bad rows (contract/README.md, section 4)."""

from __future__ import annotations

from typing import Literal

from dlonflink.connectors.ddl import file_urls, watermark
from dlonflink.connectors.files import FileSource
from dlonflink.pipeline.check import columns_read
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.settings import Settings


class TextColumn(Settings):
    """A column of the files."""

    name: str
    type: str
    """Flink SQL type."""


class TextTime(Settings):
    """The event time, whose column no row may lack."""

    column: str
    watermark: str
    """SQL expression."""


class TextPlan(Settings):
    """Files that the jar reads itself, for a table has no place for what it could not read."""

    format: Literal["csv", "jsonl"]
    paths: tuple[str, ...]
    header: bool
    null: str
    columns: tuple[TextColumn, ...]
    read: tuple[str, ...]
    """Columns that are looked at."""
    event_time: TextTime | None


def text_plan(pipeline: Pipeline) -> TextPlan | None:
    """None where the source's rows come typed."""
    source = pipeline.source
    if not isinstance(source, FileSource) or source.format not in ("csv", "jsonl"):
        return None
    time = watermark(source)
    return TextPlan(
        format=source.format,
        paths=file_urls(source),
        header=source.header,
        null=source.null,
        columns=tuple(TextColumn(name=name, type=type_) for name, type_ in source.columns.items()),
        # A query may ask for any of them.
        read=columns_read(pipeline) if source.query is None else tuple(source.columns),
        event_time=TextTime(column=time[0], watermark=time[1]) if time else None,
    )

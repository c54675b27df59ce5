"""Where rows that leave the pipeline go: any table Flink can write, or files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dlonflink.settings import OnResume, Secret, Settings


class SqlSink(Settings):
    """Takes the rows given to it, matched by position (docs/sinks.md)."""

    on_resume = OnResume(free=("type", "ddl", "table", "secrets"))

    type: Literal["sql"] = "sql"
    ddl: str
    table: str
    secrets: dict[str, Secret] = {}
    """Texts that `${NAME}` stands for within the quotes of `ddl`: docs/secrets.md."""


class FileSink(Settings):
    """Takes the rows given to it as part files in a directory, on both runtimes. On Flink a part is finished at each
    checkpoint, and every row stands in exactly one; what is under way has a name that begins with a dot.
    """

    on_resume = OnResume(free=("type", "path", "format"))

    type: Literal["files"] = "files"
    path: str
    """A directory; one of Flink's URLs (`s3://...`) on Flink alone."""
    format: Literal["jsonl", "csv"] = "jsonl"
    """csv has no line of names: its columns are those of the rows, in order (docs/sinks.md)."""


Sink = Annotated[FileSink | SqlSink, Field(discriminator="type")]

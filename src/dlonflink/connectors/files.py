"""Text files: csv and jsonl, by the same rules on both runtimes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dlonflink.connectors.base import Columns, SourceBase


class FileSource(SourceBase):
    """`paths` are files or globs. In csv a field equal to `null`, quoted or not, is NULL in every column."""

    type: Literal["files"] = "files"
    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    format: Literal["csv", "jsonl"]
    columns: Columns
    header: bool = True
    """csv: the first line of each file names its columns, and `columns` may name some of them in any order. False: the
    file's columns are `columns`, in order."""
    null: str = ""

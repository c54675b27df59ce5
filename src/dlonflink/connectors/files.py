"""Text files: csv and jsonl, by the same rules on both runtimes."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dlonflink.connectors.base import Columns, SourceBase
from dlonflink.errors import PipelineError


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


def resolve(source: FileSource) -> list[Path]:
    """The files that `paths` name, once each, in order; those of a glob sorted. PipelineError where none matches."""
    found: dict[Path, None] = {}
    for i, pattern in enumerate(source.paths):
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - pathlib has no absolute patterns
        files = [Path(match).absolute() for match in matches if Path(match).is_file()]
        if not files:
            raise PipelineError(
                "no file matches",
                where=f"source.paths[{i}]",
                got=pattern,
                fix=f"correct the path; relative ones start at {Path.cwd()}",
            )
        found |= dict.fromkeys(files)
    return list(found)

"""Files, by the same rules on both runtimes (contract/csv.md, docs/files.md)."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dlonflink.connectors.base import Columns, SourceBase
from dlonflink.connectors.texts import refuse_csv, refuse_json
from dlonflink.errors import PipelineError
from dlonflink.settings import OnResume


class FileSource(SourceBase):
    """`paths` are files or globs. In csv a field equal to `null`, quoted or not, is NULL in every column."""

    on_resume = OnResume(kept=("type", "paths", "format"), free=("columns", "header", "null"))

    type: Literal["files"] = "files"
    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    format: Literal["csv", "jsonl", "arrow", "parquet"]
    """arrow: Arrow IPC files and streams. Of arrow and parquet, whole batches pass through Flink without SQL."""
    columns: Columns
    header: bool = True
    """csv: the first line of each file names its columns, and `columns` may name some of them in any order. False: the
    file's columns are `columns`, in order."""
    null: str = ""

    @model_validator(mode="after")
    def _csv_alone(self) -> Self:
        if self.format != "csv" and (self.null or not self.header):
            raise ValueError("header and null are keys of csv; other formats name their columns, and null is null")
        return self


def resolve(source: FileSource) -> list[Path]:
    """The files that `paths` name, once each, in order; those of a glob sorted.

    Raises PipelineError where none matches, for a file that Flink would pass over in silence, and for a column whose
    type has no form in the format's text.
    """
    if source.format == "csv":
        refuse_csv(source.columns)
    elif source.format == "jsonl":
        refuse_json(source.columns)
    found: dict[Path, None] = {}
    for i, pattern in enumerate(source.paths):
        where = f"source.paths[{i}]"
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - pathlib has no absolute patterns
        files = [Path(match).absolute() for match in matches if Path(match).is_file()]
        if not files:
            fix = f"correct the path; relative ones start at {Path.cwd()}"
            raise PipelineError("no file matches", where=where, got=pattern, fix=fix)
        for file in files:
            refuse_hidden(file.name, where, str(file))
        found |= dict.fromkeys(files)
    return list(found)


def refuse_hidden(name: str, where: str, path: str) -> None:
    """Flink takes files and directories of such names for another program's work in progress."""
    if name.startswith((".", "_")):
        raise PipelineError(
            "Flink passes over what is named like this",
            where=where,
            expected="a name that begins with neither . nor _",
            got=path,
            fix=f"rename {name}",
        )

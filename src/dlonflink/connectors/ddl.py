"""Sources as Flink sees them: the statements that make the table `source`, and the query over it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from dlonflink.connectors.files import FileSource, refuse_hidden, resolve
from dlonflink.connectors.memory import MemorySource, json_lines, records
from dlonflink.connectors.parquet import ranges, write_ranges
from dlonflink.connectors.sinks import FileSink, SqlSink
from dlonflink.connectors.sql import SqlSource
from dlonflink.connectors.statements import fill, split
from dlonflink.connectors.values import VALUE, kind, schema_of, value_column
from dlonflink.errors import PipelineError
from dlonflink.settings import Text, milliseconds
from dlonflink.types import parse
from dlonflink.types.text import quote

TABLE = "source"
VIEW = "source_rows"
"""Holds `source.query`. A subquery in its place would lose its ORDER BY: the planner takes a subquery for unordered,
and a view for what it says."""

_LONGEST_DELAY = milliseconds("999 d")
"""Of an interval's days, Flink's planner takes three digits."""


def statements(source: FileSource | SqlSource | MemorySource, *, run_dir: Path) -> list[Text]:
    """DDL, in order, that makes the table `source`, and the view of its query. Memory's rows go into `run_dir`.

    Raises PipelineError for what `resolve` refuses, for files that Flink cannot name together, and for an event time
    that cannot be one in SQL; DataError for a row in memory that does not fit its columns.
    """
    made = _source_statements(source, run_dir)
    if source.query is not None:
        # On lines of its own, so that a place in Flink's complaint is one in what the user wrote.
        made.append(f"CREATE TEMPORARY VIEW {quote(VIEW)} AS\n{source.query.strip().rstrip(';')}")
    return made


def select(source: FileSource | SqlSource | MemorySource, columns: Sequence[str]) -> str:
    """The query that gives `columns`, in order, of source.query if there is one; of a source whose batches pass whole,
    the values.
    """
    if kind(source) != "rows":
        columns = [value_column(source)]
    table = TABLE if source.query is None else VIEW
    return f"SELECT {', '.join(quote(column) for column in columns)} FROM {quote(table)}"


def sink_statements(sink: FileSink | SqlSink | None) -> list[Text]:
    """DDL of the table that the sink names; files need none."""
    return [fill(one, sink.secrets) for one in split(sink.ddl)] if isinstance(sink, SqlSink) else []


def sink_url(sink: FileSink) -> str:
    """The sink's directory as Flink reads it."""
    return sink.path if "://" in sink.path else _url(Path(sink.path).absolute())


def literal(text: str) -> str:
    """A string."""
    return "'" + text.replace("'", "''") + "'"


# Flink's json, but for where a restart goes on. TIMESTAMP as `2013-01-01 05:15:00`, its default, is part of our rules.
_JSON = {"format": "dlonflink-json"}


def _source_statements(source: FileSource | SqlSource | MemorySource, run_dir: Path) -> list[Text]:
    if isinstance(source, SqlSource):
        made: list[Text] = [fill(statement, source.secrets) for statement in split(source.ddl)]
        if source.table != TABLE:
            made.append(f"CREATE TEMPORARY VIEW {quote(TABLE)} AS SELECT * FROM {_path(source.table)}")
        return made
    if isinstance(source, MemorySource):
        path = run_dir.absolute() / "rows.jsonl"
        path.write_text("".join(json_lines(records(source))), encoding="utf-8")
        return [_table(source, {"path": _url(path), **_JSON})]
    if kind(source) != "rows":
        return [_values_table(source, run_dir)]
    if source.rejects is not None:
        return []  # the jar reads the files itself, and makes the table of what it could read
    return [_table(source, _file_options(source))]


def _values_table(source: FileSource, run_dir: Path) -> str:
    if source.format == "arrow":
        options = _path_options(resolve(source))
    else:
        path = run_dir.absolute() / "ranges.arrow"
        write_ranges(ranges(resolve(source), schema_of(source.columns)), path)
        options = {"path": _url(path)}
    return _create([f"  {quote(VALUE)} BYTES"], {**options, "format": "dlonflink-arrow"})


def _table(source: FileSource | MemorySource, options: Mapping[str, str]) -> str:
    lines = [f"  {quote(name)} {type_}" for name, type_ in source.columns.items()]
    # Flink fails at a NULL in a column with a watermark, which would be a reject. A query may need the watermark.
    time = watermark(source) if source.rejects is None or source.query is not None else None
    if time is not None:
        lines.append(f"  WATERMARK FOR {quote(time[0])} AS {time[1]}")
    return _create(lines, options)


def _create(lines: Sequence[str], options: Mapping[str, str]) -> str:
    options = {"connector": "filesystem", **options}
    keys = ",\n".join(f"  {literal(key)} = {literal(value)}" for key, value in options.items())
    return f"CREATE TEMPORARY TABLE {quote(TABLE)} (\n" + ",\n".join(lines) + f"\n) WITH (\n{keys}\n)"


def watermark(source: FileSource | MemorySource) -> tuple[str, str] | None:
    """The column of the event time and the expression of its watermark, where it is a column of the table's own."""
    time = source.time()
    if time is None or time.column not in source.columns:
        return None
    check_time(time.column, source.columns[time.column])
    return time.column, f"{quote(time.column)}{_minus(time.delay)}"


def file_urls(source: FileSource) -> tuple[str, ...]:
    """Every file of the source, as Flink's Path reads it."""
    return tuple(_url(file) for file in resolve(source))


def _minus(delay: str) -> str:
    total = milliseconds(delay)
    if total > _LONGEST_DELAY:
        raise PipelineError(
            "the event time's delay is too long", where="source.event_time.delay", expected="999 d at most", got=delay
        )
    seconds, rest = divmod(total, 1_000)
    minutes, hours = seconds // 60, seconds // 3_600
    clock = f"{hours // 24} {hours % 24:02d}:{minutes % 60:02d}:{seconds % 60:02d}.{rest:03d}"
    return f" - INTERVAL '{clock}' DAY(3) TO SECOND(3)" if total else ""


def check_time(column: str, type_: str) -> None:
    """PipelineError for a type that SQL has no watermark for."""
    arrow = parse(type_, column=column)
    if isinstance(arrow, pa.TimestampType) and arrow.unit in ("s", "ms"):
        return
    raise PipelineError(
        f"column {column!r} cannot be the event time",
        where="source.event_time",
        expected="TIMESTAMP(3) or TIMESTAMP_LTZ(3)",
        got=type_,
        fix="declare it so in source.columns, or make such a column in the DDL of a source of type sql",
    )


def _path_options(files: Sequence[Path]) -> dict[str, str]:
    if len(files) == 1:
        return {"path": _url(files[0])}
    parent = _parent(files)
    names = "|".join(re.escape(str(file)) for file in files)
    return {"path": _url(parent), "source.path.regex-pattern": f"({names})"}


def _file_options(source: FileSource) -> dict[str, str]:
    options = _path_options(resolve(source))
    if source.format == "jsonl":
        return {**options, **_JSON}
    header = str(source.header).lower()
    return {
        **options,
        "format": "dlonflink-csv",
        "dlonflink-csv.header": header,
        "dlonflink-csv.null-literal": source.null,
    }


def _parent(files: Sequence[Path]) -> Path:
    """The directory that Flink searches for the files."""
    parent = Path(os.path.commonpath([file.parent for file in files]))
    if parent == Path(parent.anchor):
        raise PipelineError(
            "the files have no directory in common, so that Flink would search the whole disk for them",
            where="source.paths",
            got=f"{files[0]}, {files[-1]}",
            fix="bring them under one directory",
        )
    for file in files:
        for name in (parent.name, *file.parent.relative_to(parent).parts):
            refuse_hidden(name, "source.paths", str(file))
    return parent


def _url(path: Path) -> str:
    """As Flink's Path reads it: nothing is percent-encoded."""
    return f"file://{path}"


def _path(table: str) -> str:
    """`catalog.database.table` with each part quoted, unless somebody has."""
    return table if "`" in table else ".".join(quote(part) for part in table.split("."))

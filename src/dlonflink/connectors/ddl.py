"""Sources as Flink sees them: the statements that make the table `source`, and the query over it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from dlonflink.connectors.files import FileSource, resolve
from dlonflink.connectors.memory import MemorySource
from dlonflink.connectors.sql import SqlSink, SqlSource
from dlonflink.errors import PipelineError
from dlonflink.settings import milliseconds
from dlonflink.types import parse

TABLE = "source"


def statements(source: FileSource | SqlSource | MemorySource, *, run_dir: Path) -> list[str]:
    """DDL, in order, that makes the table `source`. Rows in memory are written into `run_dir`.

    Raises PipelineError where no file matches, or for an event time that cannot be one in SQL.
    """
    if isinstance(source, SqlSource):
        made = split(source.ddl)
        if source.table == TABLE:
            return made
        return [*made, f"CREATE TEMPORARY VIEW {quote(TABLE)} AS SELECT * FROM {_path(source.table)}"]
    if isinstance(source, MemorySource):
        path = run_dir / "rows.jsonl"
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in source.rows))
        options = {"connector": "filesystem", "path": path.as_uri(), "format": "json", **_JSON}
        return [_table(source, options)]
    return [_table(source, _file_options(source))]


def select(source: FileSource | SqlSource | MemorySource, columns: Sequence[str]) -> str:
    """The query that gives `columns`, in order, of source.query if there is one."""
    names = ", ".join(quote(column) for column in columns)
    if source.query is None:
        return f"SELECT {names} FROM {quote(TABLE)}"
    return f"SELECT {names} FROM ({source.query.strip().rstrip(';')}\n)"


def sink_statements(sink: SqlSink | None) -> list[str]:
    return [] if sink is None else split(sink.ddl)


def quote(name: str) -> str:
    """An identifier."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A string."""
    return "'" + text.replace("'", "''") + "'"


# Flink's default, TIMESTAMP as `2013-01-01 05:15:00`, said aloud: it is part of our rules for jsonl.
_JSON = {"json.timestamp-format.standard": "SQL"}

_LONGEST_PRECISION = {"s", "ms"}


def _table(source: FileSource | MemorySource, options: Mapping[str, str]) -> str:
    lines = [f"  {quote(name)} {type_}" for name, type_ in source.columns.items()]
    time = source.time()
    if time is not None and time.column in source.columns:
        _check_time(time.column, source.columns[time.column])
        delay = milliseconds(time.delay)
        interval = (
            f" - INTERVAL '{delay // 1000}.{delay % 1000:03d}' SECOND({len(str(delay // 1000))}, 3)" if delay else ""
        )
        lines.append(f"  WATERMARK FOR {quote(time.column)} AS {quote(time.column)}{interval}")
    keys = ",\n".join(f"  {literal(key)} = {literal(value)}" for key, value in options.items())
    return f"CREATE TEMPORARY TABLE {quote(TABLE)} (\n" + ",\n".join(lines) + f"\n) WITH (\n{keys}\n)"


def _check_time(column: str, type_: str) -> None:
    arrow = parse(type_, column=column)
    if isinstance(arrow, pa.TimestampType) and arrow.unit in _LONGEST_PRECISION:
        return
    raise PipelineError(
        f"column {column!r} cannot be the event time",
        where="source.event_time",
        expected="TIMESTAMP(3) or TIMESTAMP_LTZ(3)",
        got=type_,
        fix="declare it so in source.columns, or make such a column in the DDL of a source of type sql",
    )


def _file_options(source: FileSource) -> dict[str, str]:
    files = resolve(source)
    options = {"connector": "filesystem"}
    if len(files) == 1:
        options["path"] = files[0].as_uri()
    else:
        parent = Path(os.path.commonpath([file.parent for file in files]))
        names = "|".join(re.escape(str(file)) for file in files)
        options |= {"path": parent.as_uri(), "source.path.regex-pattern": f"({names})"}
    if source.format == "csv":
        header = str(source.header).lower()
        return {
            **options,
            "format": "dlonflink-csv",
            "dlonflink-csv.header": header,
            "dlonflink-csv.null-literal": source.null,
        }
    return {**options, "format": "json", **_JSON}


def _path(table: str) -> str:
    """`catalog.database.table` with each part quoted, unless somebody has."""
    return table if "`" in table else ".".join(quote(part) for part in table.split("."))


_TOKEN = re.compile(r"'(?:[^']|'')*'|`(?:[^`]|``)*`|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|;", re.DOTALL)


def split(ddl: str) -> list[str]:
    """Statements of a text, cut at semicolons that stand neither in quotes nor in comments; empty ones are left out."""
    return [
        text
        for text in (piece.strip() for piece in _pieces(ddl))
        if re.sub(r"--[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL).strip()
    ]


def _pieces(ddl: str) -> Iterator[str]:
    begin = 0
    for token in _TOKEN.finditer(ddl):
        if token[0] == ";":
            yield ddl[begin : token.start()]
            begin = token.end()
    yield ddl[begin:]

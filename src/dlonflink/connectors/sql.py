"""Any table Flink can read or write, by DDL."""

from __future__ import annotations

from typing import Literal

from dlonflink.connectors.base import SourceBase
from dlonflink.settings import Settings


class SqlSource(SourceBase):
    """`ddl` holds one or more statements, `table` the name that one of them makes."""

    type: Literal["sql"] = "sql"
    ddl: str
    table: str


class SqlSink(Settings):
    """Takes the scored rows: key columns, label, score, version, run, attempt; columns are matched by position."""

    type: Literal["sql"] = "sql"
    ddl: str
    table: str

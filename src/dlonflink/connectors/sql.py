"""Any table Flink can read, by DDL."""

from __future__ import annotations

from typing import Literal

from dlonflink.connectors.base import SourceBase


class SqlSource(SourceBase):
    """`ddl` holds one or more statements, `table` the name that one of them makes."""

    type: Literal["sql"] = "sql"
    ddl: str
    table: str

"""Any table Flink can read, by DDL."""

from __future__ import annotations

from typing import Literal

from dlonflink.connectors.base import Columns, SourceBase
from dlonflink.settings import OnResume, Secret, Settings


class ArrowValues(Settings):
    """A column of BYTES each value of which is one whole Arrow IPC stream. The batches pass through Flink unopened."""

    on_resume = OnResume(free=("column", "columns"))

    column: str
    columns: Columns
    """Columns of the batches, and their types: some of them, in any order."""


class SqlSource(SourceBase):
    """`ddl` holds one or more statements, `table` the name that one of them makes."""

    on_resume = OnResume(kept=("type",), free=("ddl", "table", "secrets", "arrow"))

    type: Literal["sql"] = "sql"
    ddl: str
    table: str
    secrets: dict[str, Secret] = {}
    """Texts that `${NAME}` stands for within the quotes of `ddl`: docs/secrets.md."""
    arrow: ArrowValues | None = None
    """One column of the table holds record batches, with Flink's format `raw` for example."""

"""Rows given in Python: tests and tutorials."""

from __future__ import annotations

from typing import Any, Literal

from dlonflink.connectors.base import Columns, SourceBase


class MemorySource(SourceBase):
    """Rows in the pipeline itself, for tests and tutorials."""

    type: Literal["memory"] = "memory"
    columns: Columns
    rows: tuple[dict[str, Any], ...]

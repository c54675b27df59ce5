"""The secrets a pipeline refers to, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from dlonflink.connectors.sinks import SqlSink
from dlonflink.connectors.sql import SqlSource
from dlonflink.connectors.statements import check_secrets
from dlonflink.settings import Secret, Settings


def refuse_unmatched(description: Settings) -> None:
    """PipelineError where the DDL of a section and its secrets do not speak of the same names."""
    for where, section in _sections("", description):
        if isinstance(section, SqlSource | SqlSink):
            check_secrets(section.ddl, section.secrets, where)


def references(description: Settings) -> Iterator[tuple[str, Secret]]:
    """Every secret, with its dotted path."""
    for where, section in _sections("", description):
        if isinstance(section, Secret):
            yield where, section


def _sections(where: str, value: object) -> Iterator[tuple[str, Settings]]:
    if isinstance(value, Settings):
        yield where, value
        for name in type(value).model_fields:
            yield from _sections(f"{where}.{name}".removeprefix("."), getattr(value, name))
    elif isinstance(value, dict):
        for key, one in cast("dict[object, object]", value).items():
            yield from _sections(f"{where}.{key}", one)

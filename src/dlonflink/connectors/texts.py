"""Which types have a form in text, so that csv, JSON lines and rows in memory can hold them on both runtimes."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from dlonflink.errors import PipelineError
from dlonflink.types import parse, table

_WORDLESS = (table.DAY_TIME, table.YEAR_MONTH, table.PLAIN["VARIANT"], table.PLAIN["NULL"])
"""What Flink's SQL cannot declare, or its JSON not read."""


def refuse_csv(columns: Mapping[str, str]) -> None:
    """Raises PipelineError for the first column whose type no field of a csv can hold."""
    for name, text in columns.items():
        type_ = parse(text, column=name)
        if pa.types.is_nested(type_) or type_ in _WORDLESS:
            raise _refusal(name, text, "csv", "a scalar type", "or use format: jsonl")


def refuse_json(columns: Mapping[str, str]) -> None:
    """Raises PipelineError for the first column whose type JSON does not hold, or Flink does not read from it."""
    for name, text in columns.items():
        if not _in_json(parse(text, column=name)):
            expected = "a type without INTERVAL, VARIANT and NULL, and with text as the keys of a MAP"
            raise _refusal(name, text, "JSON", expected, "e.g. PARSE_JSON(payload)")


def _in_json(type_: pa.DataType) -> bool:
    if type_ in _WORDLESS:
        return False
    if pair := table.entries(type_):
        return pa.types.is_string(pair[0].type) and _in_json(pair[1].type)
    if isinstance(type_, pa.ListType):
        return _in_json(type_.value_type)
    return not isinstance(type_, pa.StructType) or all(_in_json(field.type) for field in type_)


def _refusal(name: str, text: str, form: str, expected: str, way: str) -> PipelineError:
    return PipelineError(
        f"column {name!r}: {form} has no place for {text}",
        where=f"source.columns.{name}",
        expected=expected,
        got=text,
        fix=f"declare STRING and take it apart in source.query, {way}",
    )

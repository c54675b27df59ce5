"""Flink SQL types and Arrow types: the one table, and how values and text become columns of them."""

from dlonflink.types.grammar import parse
from dlonflink.types.text import sql
from dlonflink.types.values import column

__all__ = ["column", "parse", "sql"]

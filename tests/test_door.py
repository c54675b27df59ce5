"""The public door: an explicit, sorted table that loads nothing before it is asked."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dlonflink


def test_names_are_sorted_and_unique() -> None:
    names = dlonflink.__all__
    assert len(set(names)) == len(names)
    # The order that ruff keeps: constants, classes, functions.
    assert sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name)) == names


@pytest.mark.parametrize("name", dlonflink.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(dlonflink, name).__name__ == name


def test_types_are_those_of_the_table() -> None:
    tree = ast.parse(Path(dlonflink.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (str(one.module), name.name) for one in block.body if isinstance(one, ast.ImportFrom) for name in one.names
    }
    table = {(f"dlonflink.{room}", name) for room, names in dlonflink._ROOMS.items() for name in names}
    assert typed == table
    assert {name for _, name in table} == set(dlonflink.__all__)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        dlonflink.Nothing  # noqa: B018


def test_opening_the_door_loads_nothing() -> None:
    heavy = ("numpy", "pyarrow", "pydantic", "numba", "typer")
    code = f"import sys, dlonflink; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""`python -m dlonflink.doctor.probe [--learner JSON] [PACKAGE ...]`: run by the worker's interpreter, says what it has.

The last line of its output is one JSON object. Needs nothing but Python until it has looked.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dlonflink.errors import DLOnFlinkError

_NEEDED = ("numpy", "pyarrow", "numba", "pydantic", "safetensors", "fsspec", "pyyaml")
_MODULES = {"pyyaml": "yaml"}


def main() -> None:
    """Looks, then prints."""
    parser = argparse.ArgumentParser(prog="python -m dlonflink.doctor.probe", allow_abbrev=False)
    parser.add_argument("--learner", help="its description")
    parser.add_argument("--path", type=Path, default=Path.cwd(), help="where the user's own files are")
    parser.add_argument("packages", nargs="*")
    arguments = parser.parse_args()
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    for package in (*_NEEDED, *arguments.packages):
        try:
            importlib.import_module(_MODULES.get(package, package))
            found[package] = _version(package)
        except Exception as error:  # noqa: BLE001 - a broken package raises whatever it likes
            missing[package] = f"{type(error).__name__}: {error}"
    problem = None if missing else _problem(arguments.learner, arguments.path)
    said = {"python": platform.python_version(), "found": found, "missing": missing, "problem": problem}
    sys.stdout.write("\n" + json.dumps(said) + "\n")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of an unknown version"


def _problem(learner: str | None, path: Path) -> dict[str, str | None] | None:
    """Why the worker would not start here, as an error's JSON."""
    try:
        importlib.import_module("dlonflink.worker.loop")
        if learner is not None:
            sys.path[:0] = [str(path), str(Path.cwd())]  # as the worker does it
            settings = importlib.import_module("dlonflink.learners.settings")
            described = importlib.import_module("pydantic").TypeAdapter(settings.LearnerSettings).validate_json(learner)
            importlib.import_module("dlonflink.learners.build").look_up(described)
    except DLOnFlinkError as error:
        return error.to_json()
    except Exception as error:  # noqa: BLE001 - whatever the user's file, or an old package, raises
        return {"code": "setup", "what": f"{type(error).__name__}: {error}"}
    return None


if __name__ == "__main__":
    main()

"""Puts the jar into the wheel and the sdist (hatchling's custom build hook).

From a checkout this needs a JDK and Maven, unless the jar there is current. From an sdist it does not: the jar and its
stamp are in it. An editable install never builds the jar: `uv sync` stays free of Java, and scripts/setup builds it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class JarHook(BuildHookInterface):  # pyright: ignore[reportMissingTypeArgument]
    """Builds the jar unless it is current."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Called before each target; `version` is `standard` or `editable`."""
        if version == "editable":
            return
        path = Path(self.root) / "scripts" / "jar.py"
        spec = importlib.util.spec_from_file_location("dlonflink_jar", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} cannot be loaded")
        jar = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(jar)
        jar.build()

"""Descriptions of learners, importable without any framework."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from dlonflink.settings import Duration, ImportPath, Settings

Rates = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1, max_length=8)]


class Logistic(Settings):
    """Logistic regression, compiled, row by row."""

    type: Literal["logistic"] = "logistic"
    rates: Rates = (2.0, 8.0, 24.0)
    """Step sizes, divided by the number of declared columns; several are mixed by a stacker."""
    seed: int = 0


class FM(Settings):
    """Factorization machine, compiled, row by row."""

    type: Literal["fm"] = "fm"
    dim: Annotated[int, Field(ge=4, le=64, multiple_of=4)] = 16
    """Numbers an ID's factor has."""
    rates: Rates = (2.0, 8.0, 24.0)
    seed: int = 0


class Custom(Settings):
    """Any Learner by import path; every further key is an argument of its constructor."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: ImportPath
    batch: Annotated[int, Field(ge=1)] = 256
    """Rows of one update."""
    max_wait: Duration = "100 ms"
    """Cuts a batch early, so that a slow stream is learned at once; ignored when `runtime.deterministic`."""
    seed: int = 0

    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


def _tag(value: Any) -> str:
    kind: object = value.get("type", "") if isinstance(value, dict) else getattr(value, "type", "")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return "custom" if isinstance(kind, type) or callable(kind) or ":" in str(kind) else str(kind)  # pyright: ignore[reportUnknownArgumentType]


LearnerSettings = Annotated[
    Annotated[Logistic, Tag("logistic")] | Annotated[FM, Tag("fm")] | Annotated[Custom, Tag("custom")],
    Discriminator(_tag),
]

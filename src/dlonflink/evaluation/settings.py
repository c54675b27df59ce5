"""Description of the figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dlonflink.settings import OnResume, Settings, Span


class Evaluation(Settings):
    """Figures over scored rows: over all of them, and over windows."""

    on_resume = OnResume(kept=("metrics",), free=("windows",))

    metrics: Annotated[tuple[Literal["logloss", "auc", "calibration"], ...], Field(min_length=1)] = (
        "logloss",
        "auc",
        "calibration",
    )
    windows: tuple[Annotated[int, Field(ge=1)] | Span, ...] = (100_000,)
    """Tumbling windows: a number of rows, or a span of event time."""

"""Description of the tables a learner of one's own reads through `Tables`. The compiled learners lay out their own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dlonflink.settings import OnResume, Settings


class Embedding(Settings):
    """The table of a learner of one's own; `logistic`, `fm` and `deepfm` lay out theirs and take no such settings."""

    on_resume = OnResume(kept=("dim", "optimizer", "init"), free=("lr",))

    dim: Annotated[int, Field(ge=1, le=1024)] = 16
    optimizer: Literal["adagrad", "sgd"] = "adagrad"
    """adagrad: one accumulator a row, A += mean(g^2), row -= lr * g / (1 + sqrt(A)); sgd: row -= lr * g."""
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1
    init: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    """Standard deviation of a row's first values, a pure function of (seed, ID)."""

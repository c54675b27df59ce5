"""Descriptions of learners, importable without any framework."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from dlonflink.settings import Duration, ImportPath, OnResume, Settings

Rates = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1, max_length=8)]


class Logistic(Settings):
    """Logistic regression, compiled, row by row."""

    on_resume = OnResume(kept=("type", "seed"), sized=("rates",))

    type: Literal["logistic"] = "logistic"
    rates: Rates = (2.0, 8.0, 24.0)
    """Step sizes, divided by the number of declared columns; several are mixed by a stacker."""
    seed: int = 0


class FM(Settings):
    """Factorization machine, compiled, row by row."""

    on_resume = OnResume(kept=("type", "dim", "seed"), sized=("rates",))

    type: Literal["fm"] = "fm"
    dim: Annotated[int, Field(ge=4, le=64, multiple_of=4)] = 16
    """Numbers an ID's factor has."""
    rates: Rates = (2.0, 8.0, 24.0)
    seed: int = 0


class Torch(Settings):
    """Any torch.nn.Module over the embedding table (docs/learners.md); needs the extra `torch`."""

    on_resume = OnResume(kept=("type", "module", "args", "optimizer", "batch", "seed"), free=("lr", "max_wait"))

    type: Literal["torch"] = "torch"
    module: ImportPath
    """Built as `Class(inputs, **args)`, `inputs` a TorchInputs; its forward takes a TorchBatch, returns logits."""
    args: dict[str, Any] = {}
    optimizer: str = "Adam"
    """Of the module's parameters: a class of torch.optim. The table's is `embedding.optimizer`."""
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    batch: Annotated[int, Field(ge=1)] = 256
    """Rows of one update."""
    max_wait: Duration = "100 ms"
    """Cuts a batch early, so that a slow stream is learned at once; ignored when `runtime.deterministic`."""
    seed: int = 0


class DeepFM(Settings):
    """DeepFM: logistic regression row by row, beside a factorization machine and a perceptron in batches; needs the
    extra `torch`.
    """

    on_resume = OnResume(kept=("type", "dim", "hidden", "batch", "seed"), free=("lr", "max_wait"), sized=("rates",))

    type: Literal["deepfm"] = "deepfm"
    dim: Annotated[int, Field(ge=4, le=64, multiple_of=4)] = 16
    """Numbers an ID's factor has."""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1, max_length=8)] = (128, 64)
    """Widths of the perceptron's layers."""
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3e-3
    """Adam's, for the perceptron."""
    rates: Rates = (2.0, 8.0, 24.0)
    batch: Annotated[int, Field(ge=1)] = 256
    """Rows of one update of perceptron and factors."""
    max_wait: Duration = "100 ms"
    seed: int = 0


class Custom(Settings):
    """Any Learner by import path; every further key is an argument of its constructor."""

    model_config = ConfigDict(frozen=True, extra="allow")
    on_resume = OnResume(kept=("type", "batch", "seed"), free=("max_wait",))

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
    Annotated[Logistic, Tag("logistic")]
    | Annotated[FM, Tag("fm")]
    | Annotated[DeepFM, Tag("deepfm")]
    | Annotated[Torch, Tag("torch")]
    | Annotated[Custom, Tag("custom")],
    Discriminator(_tag),
]


def user_code(settings: LearnerSettings) -> str | None:
    """The import path of what the user wrote, if anything."""
    if isinstance(settings, Custom):
        return settings.type
    return settings.module if isinstance(settings, Torch) else None


def with_user_code(settings: LearnerSettings, path: str) -> LearnerSettings:
    """The same learner, its `user_code` at another path."""
    return settings.model_copy(update={"type" if isinstance(settings, Custom) else "module": path})

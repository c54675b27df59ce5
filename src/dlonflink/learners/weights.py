"""What the compiled learners share outside their kernels: what they refuse, how wide their rows are, snapshots."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dlonflink.embedding.state import put
from dlonflink.errors import PipelineError
from dlonflink.learners.base import Inputs, Snapshot
from dlonflink.learners.heads import Heads
from dlonflink.learners.stacker import Stacker

_OTHER_SETTINGS = "the learner in the snapshot or version has other settings"


def binary(inputs: Inputs, name: str) -> None:
    """Refuses what the learner `name` cannot learn."""
    if inputs.labels != 1:
        raise PipelineError(
            f"learner {name!r} learns one label",
            where="labels",
            expected="one binary label",
            got=f"{inputs.labels} labels",
            fix="leave one, or write a learner of your own (type: package.module:Class)",
        )


def cells(used: int) -> int:
    """State cells of a table row: those used and the count, filled up to a multiple of 4."""
    return -(-(used + 1) // 4) * 4


def snapshot(heads: Heads, stacker: Stacker) -> Snapshot:
    """Views, by name. What there is none of with one rate, the stacker, has no names either."""
    weights: dict[str, NDArray[Any]] = {"bias": heads.bias}
    training: dict[str, NDArray[Any]] = {"bias_squares": heads.squares}
    if len(stacker.weights):
        weights["stacker"] = stacker.weights
        training["stacker_covariance"] = stacker.covariance
    return Snapshot(weights, training)


def restore(heads: Heads, stacker: Stacker, snapshot: Snapshot) -> None:
    """The reverse, into arrays that were just made; `training` may be empty."""
    put(heads.bias, snapshot.weights, "bias", _OTHER_SETTINGS)
    if len(stacker.weights):
        put(stacker.weights, snapshot.weights, "stacker", _OTHER_SETTINGS)
    if snapshot.training:
        put(heads.squares, snapshot.training, "bias_squares", _OTHER_SETTINGS)
        if len(stacker.weights):
            put(stacker.covariance, snapshot.training, "stacker_covariance", _OTHER_SETTINGS)

"""The contract of a learner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.tables import Tables
from dlonflink.features.batch import Batch, Float, Truth

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Snapshot:
    """`weights` is all that predict reads: it goes into versions and snapshots. `training`: into snapshots alone."""

    weights: Arrays
    training: Arrays = field(default_factory=dict[str, NDArray[np.generic]])


@dataclass(frozen=True)
class Inputs:
    """What a learner is built on. Settings come as keyword arguments beside it."""

    features: tuple[str, ...]  # names of Batch.ids' columns
    lists: tuple[str, ...]  # names of Batch.lists
    dense: int
    columns: int  # declared features of any kind: F in the step sizes
    labels: int
    tables: Tables
    seed: int


class Learner(ABC):
    """Scores and learns. Built once for each attempt as `Class(inputs, **settings)`, then restored or not, then driven.

    Called by the trainer, one call at a time, always from one thread; serving calls predict alone, on its own instance.
    May block as long as it likes: the stream waits (back-pressure), barriers too. No thread outlives a call.
    Raising fails the task; Flink restores the last checkpoint: there is no skip, a bad row is refused before it comes
    here. Resume: restore(snapshot()) into a new instance, then the same batches, gives bit-equal scores and weights.
    No wall clock, no global random state: time is batch.event_time, randomness comes from inputs.seed and is in the
    snapshot.
    """

    row_by_row: ClassVar[bool] = False
    """True: learn of a batch equals predict and learn of its rows one after another, bit for bit, so that the trainer
    may cut batches anywhere. False: the trainer cuts batches by row count."""

    rolling: ClassVar[bool] = False
    """True: parts of a batched learner learn row by row inside the batch. Then learn returns for each row what predict
    would have returned for it in this batch just before those parts learned it: the rows before it are in them, and in
    no other part. So the first row of a batch, and a batch of one row, have exactly predict's score."""

    @abstractmethod
    def __init__(self, inputs: Inputs) -> None: ...

    @abstractmethod
    def predict(self, batch: Batch) -> Float:
        """Scores [n, labels]: probabilities. Changes nothing, tables included."""

    @abstractmethod
    def learn(self, batch: Batch, truth: Truth) -> Float:
        """One update. Returns what predict(batch) would have returned just before it (inference mode: no dropout).

        A row-by-row learner does so for each row in turn, a rolling one as `rolling` says.
        """

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """Arrays by stable name, not by position. May be views: the caller copies before the next learn. No tables."""

    @abstractmethod
    def restore(self, snapshot: Snapshot) -> None:
        """Called at most once, before the first learn. `training` is empty when a server restores."""

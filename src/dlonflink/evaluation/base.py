"""The contract of a metric."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from numpy.typing import NDArray

from dlonflink.features.batch import Float


class Metric(ABC):
    """A mergeable figure over scored rows. Built by the evaluator, one instance for each window and label.

    Called from the learning thread for every batch: never blocks, no I/O, memory bounded and said in its docstring.
    Raising is a bug and fails the task. State is arrays: part of the snapshot, merged across subtasks and windows.
    Laws: merge is associative, commutative up to float order; update(a + b) is bit-equal to update(a), update(b), so
    that figures do not depend on where batches are cut; sums therefore go row by row.
    """

    name: ClassVar[str]

    @abstractmethod
    def update(self, scores: Float, labels: Float, weights: Float) -> None:
        """All [n] of one label; a row of weight 0 is left out."""

    @abstractmethod
    def merge(self, other: Self) -> None: ...

    @abstractmethod
    def values(self) -> dict[str, float]:
        """Figures by name, e.g. {"auc": .78, "auc_bound": 1e-5}; NaN while undefined (no row, one class)."""

    @abstractmethod
    def snapshot(self) -> dict[str, NDArray[Any]]: ...

    @abstractmethod
    def restore(self, arrays: dict[str, NDArray[Any]]) -> None: ...

"""What a torch module of a user's own is built on, and what its forward sees."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from dlonflink.errors import LearnerError
from dlonflink.features.batch import Batch, Ragged


@dataclass(frozen=True)
class TorchInputs:
    """What a module's constructor gets first; `learner.args` come as keyword arguments beside it."""

    features: tuple[str, ...]
    """Names of hashed and crossed columns with one ID a row; a cross of a and b is `a*b`."""
    lists: tuple[str, ...]
    """Names of ARRAY columns."""
    dense: int
    """Columns of `TorchBatch.dense`."""
    dim: int
    """Numbers an ID has: `embedding.dim`."""
    labels: int
    """Columns of what forward returns."""


@final
class TorchBatch:
    """Encoded rows as tensors, in stream order, without their labels. Gradients reach the embedding table.

    `x["user"]` is a column [n, dim]. A list is pooled as its column says (`pooling: sum` or `mean`; an empty one gives
    zeros); `x.rows("shown")` keeps it as it is. `len(x)` is n.
    """

    def __init__(self, batch: Batch, values: Tensor, inputs: TorchInputs) -> None:
        """`values` [m, dim] in the order of `Tables.lookup_all`; built anew for each forward."""
        self._inputs = inputs
        self._size = batch.size
        self._lists = batch.lists
        end = batch.ids.size
        singles = values[:end].view(batch.size, len(inputs.features), inputs.dim)
        # Unbound at once: the gradient of one column after the other would be a whole table of zeros for each.
        self._columns = dict(zip(inputs.features, singles.unbind(dim=1), strict=True))
        self._elements: dict[str, Tensor] = {}
        for name, one in batch.lists.items():
            start, end = end, end + len(one.values)
            self._elements[name] = values[start:end]
        self.dense: Tensor = torch.tensor(batch.dense)
        """[n, dense], transformed as their columns say, in the order of `features.dense`."""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, name: str) -> Tensor:
        """[n, dim]."""
        if name in self._columns:
            return self._columns[name]
        elements, ragged = self._list(name)
        # Added up in their order, so that equal rows give equal bits.
        sums = elements.new_zeros(self._size, self._inputs.dim).index_add(0, _row_of_each(ragged), elements)
        if ragged.pooling == "sum":
            return sums
        lengths = torch.tensor(np.maximum(np.diff(ragged.offsets), 1).astype(np.float32))
        return sums / lengths[:, None]

    def rows(self, name: str) -> tuple[Tensor, Tensor]:
        """A list, not pooled: [n, longest, dim], zeros behind each row's last; and where it has one, [n, longest] bool.

        `longest` is 1 or more. A column with one ID a row is a list of one.
        """
        if name in self._columns:
            return self._columns[name][:, None], torch.ones(self._size, 1, dtype=torch.bool)
        elements, ragged = self._list(name)
        lengths = np.diff(ragged.offsets)
        longest = max(int(lengths.max(initial=0)), 1)
        inside = np.arange(len(elements)) - np.repeat(ragged.offsets[:-1], lengths)
        at = _row_of_each(ragged) * longest + torch.tensor(inside)
        padded = elements.new_zeros(self._size * longest, self._inputs.dim).index_copy(0, at, elements)
        mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
        return padded.view(self._size, longest, self._inputs.dim), mask

    def _list(self, name: str) -> tuple[Tensor, Ragged]:
        if name in self._lists:
            return self._elements[name], self._lists[name]
        names = [*self._inputs.features, *self._inputs.lists]
        close = difflib.get_close_matches(name, names, 1)
        raise LearnerError(
            f"the module asks for a feature {name!r}, which there is none of",
            expected=f"one of {', '.join(names) or 'none: all features are dense'}",
            fix=f"did you mean x[{close[0]!r}]?" if close else "declare it under features.hashed or features.crossed",
        )


def _row_of_each(ragged: Ragged) -> Tensor:
    return torch.tensor(np.repeat(np.arange(len(ragged.offsets) - 1), np.diff(ragged.offsets)))

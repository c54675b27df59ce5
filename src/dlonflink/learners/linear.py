"""Logistic regression that tunes itself: several step sizes, mixed by a stacker, row by row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dlonflink.embedding.layout import RowLayout
from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.kernel import kernel, prefetch
from dlonflink.learners.base import Inputs, Learner, Snapshot
from dlonflink.learners.heads import Heads, add_up, make_desk, make_heads, own_errors, take_steps
from dlonflink.learners.rows import Rows, to_learn, to_score
from dlonflink.learners.stacker import Stacker, adapt, make_stacker, mix, probability
from dlonflink.learners.weights import binary, cells, restore, snapshot


class LogisticLearner(Learner):
    """w x of the bag's IDs, for each of `rates` (divided by the number of columns). One rate: no stacker."""

    row_by_row: ClassVar[bool] = True

    def __init__(self, inputs: Inputs, rates: tuple[float, ...] = (2.0, 8.0, 24.0)) -> None:
        binary(inputs, "logistic")
        layout = RowLayout(dim=0, state=cells(2 * len(rates)), served=tuple(range(0, 2 * len(rates), 2)))
        self._table = inputs.tables.local(layout, init=0.0)
        self._heads = make_heads(rates, inputs.columns)
        self._stacker = make_stacker(len(rates), gates=0)

    def predict(self, batch: Batch) -> Float:
        """[n, 1]. Changes nothing."""
        return _run(to_score(batch, self._table), self._table.state, self._heads, self._stacker)

    def learn(self, batch: Batch, truth: Truth) -> Float:
        """[n, 1], each row scored before it is learned. A row of weight 0 is only scored; its new IDs stay unknown."""
        return _run(to_learn(batch, truth, self._table), self._table.state, self._heads, self._stacker)

    def snapshot(self) -> Snapshot:
        """Bias and stacker; w and n of the IDs are the table's."""
        return snapshot(self._heads, self._stacker)

    def restore(self, snapshot: Snapshot) -> None:
        """As the contract says. ResumeError where the snapshot was made with other rates."""
        restore(self._heads, self._stacker, snapshot)


@kernel
def _run(rows: Rows, state: Float, heads: Heads, stacker: Stacker) -> Float:
    """Scores [size, 1] of the rows, each learned from before the next one where its weight is not 0."""
    size = len(rows.labels)
    scores = np.empty((size, 1), np.float32)
    desk = make_desk(len(heads.alpha), rows.longest)
    inputs = np.zeros(len(stacker.weights), np.float64)
    gain = np.zeros(len(stacker.weights), np.float64)
    for r in range(size):
        if r + 1 < size:
            for i in range(rows.offsets[r + 1], rows.offsets[r + 2]):
                prefetch(state, np.uint64(rows.table[i]))
        add_up(rows, r, state, heads, desk)
        logit = mix(stacker, desk.logits, inputs) if len(heads.alpha) > 1 else np.float64(desk.logits[0])
        p = probability(logit)
        scores[r, 0] = np.float32(p)
        weight = rows.weights[r]
        if weight != 0:
            own_errors(heads, desk, rows.labels[r], weight)
            if len(heads.alpha) > 1:
                adapt(stacker, inputs, gain, p, np.float64(rows.labels[r]), np.float64(weight))
            take_steps(rows, r, state, heads, desk)
    return scores

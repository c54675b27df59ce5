"""DeepFM without its perceptron: the table, the compiled heads, the pairs, and what gradients do to the factors.

    logit = s0 + m1 (s1 - s0) + ... + gate o,   o = MLP(10 v, dense) + sum over pairs of slots of <v_a, v_b>

A row has one *slot* v for each hashed or crossed column and one for each list, pooled. The heads (s) and the mixture
learn row by row, as in logistic regression, and the mixture's error is what o learns from; o itself, cut to ±8, is from
before the batch. The factors learn by Adagrad with one accumulator a row, once for each ID of a batch, by the sum G of
its gradients:

    A += mean_k G²;  v -= lrv G / (bv + sqrt(A))

An ID's first batch scores it as the default row, zeros; its random start is written after that. Nothing here needs
torch, so kernels can be compiled where there is none.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.index import Numbers
from dlonflink.embedding.index import Rows as TableRows
from dlonflink.embedding.initial import first_value, source, unit
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.steps import distinct
from dlonflink.features.batch import Batch, Float, Ids, Truth
from dlonflink.kernel import kernel, plain, prefetch
from dlonflink.learners.base import Inputs, Snapshot
from dlonflink.learners.fm import INIT, Factors
from dlonflink.learners.heads import Heads, add_up, make_desk, make_heads, own_errors, take_steps
from dlonflink.learners.rows import Rows, to_learn, to_score
from dlonflink.learners.stacker import Stacker, adapt, make_stacker, mix, probability
from dlonflink.learners.weights import binary, cells, restore, snapshot

_LIMIT = np.float32(8)
_SCALE = np.float32(10)
"""Factors begin at .01: what the perceptron sees of them is of the size that its own start expects."""
_HALF = np.float32(0.5)
_AHEAD = 16  # rows between asking for a cache line and reading it
_LINE = 64  # bytes


class Slots(NamedTuple):
    """Where the slots of a batch come from: `singles` IDs of each row, row by row, then each list's in turn."""

    ids: Ids  # [m]
    table: TableRows  # [m]
    singles: int
    offsets: Numbers  # [lists, size + 1] of row r's elements, counted from the first single
    means: NDArray[np.bool_]  # [lists]


class Deep(NamedTuple):
    """A batch on its way."""

    rows: Rows
    slots: Slots
    seen: Float  # [size, width] what the perceptron sees, on a cache line
    sums: Float  # [size, dim] of the slots
    pairs: Float  # [size]
    known: int  # rows of the table before the batch: those behind are new


@final
class Core:
    """For each batch in this order: `look` or `take`; the perceptron on `seen`; `run`; after `take` also `step`."""

    def __init__(self, inputs: Inputs, dim: int, rates: tuple[float, ...]) -> None:
        binary(inputs, "deepfm")
        used = 2 * len(rates) + 1
        layout = RowLayout(dim=dim, state=cells(used), served=tuple(range(0, used - 1, 2)))
        self._table = inputs.tables.local(layout, init=INIT)
        self._heads = make_heads(rates, inputs.columns)
        self._stacker = make_stacker(len(rates), gates=1, stretched=False)
        rate, floor, seed = np.float32(0.5 / inputs.columns), np.float32(0.3), np.uint64(inputs.seed % 2**64)
        self._factors = Factors(self._table.values, self._table.state, rate, floor, seed, unit(INIT))
        self.width: int = (len(inputs.features) + len(inputs.lists)) * dim + inputs.dense
        """Numbers of a row that the perceptron sees: slots, then dense columns."""

    def look(self, batch: Batch) -> Deep:
        """To score."""
        known = self._table.size
        return self._fill(batch, to_score(batch, self._table), known)

    def take(self, batch: Batch, truth: Truth) -> Deep:
        """To learn: new IDs are inserted."""
        known = self._table.size
        return self._fill(batch, to_learn(batch, truth, self._table), known)

    def run(self, deep: Deep, offers: Float) -> tuple[Float, Float]:
        """Scores [size, 1], and errors [size] weighted by the rows, of the heads mixed with `offers` [size]: o.

        After `take` each row is learned by the heads before the next one is scored.
        """
        _begin(deep.slots, deep.known, self._factors)
        return _run(deep.rows, self._table.state, self._heads, self._stacker, offers)

    def step(self, deep: Deep, errors: Float, gradients: Float, weight: np.float32) -> None:
        """The factors' step. `gradients` [size, width] of the mean loss by what the perceptron saw; `weight`: of all
        rows together, which makes it that of the sum.
        """
        _step(deep, errors, plain(gradients), weight * _SCALE, self._factors, 2 * len(self._heads.alpha))

    def snapshot(self) -> Snapshot:
        """Bias and stacker; what belongs to IDs is the table's."""
        return snapshot(self._heads, self._stacker)

    def restore(self, snapshot: Snapshot) -> None:
        """As a learner's; more arrays than these are not looked at."""
        restore(self._heads, self._stacker, snapshot)

    def _fill(self, batch: Batch, rows: Rows, known: int) -> Deep:
        slots = self._slots(batch, rows)
        seen = _on_a_line(batch.size, self.width)
        sums, pairs = _fill(slots, self._factors.values, plain(batch.dense), seen)
        return Deep(rows, slots, seen, sums, pairs, known)

    def _slots(self, batch: Batch, rows: Rows) -> Slots:
        lists = list(batch.lists.values())
        offsets = np.empty((len(lists), batch.size + 1), np.int64)
        begin = batch.ids.size
        for i, one in enumerate(lists):
            offsets[i] = one.offsets + begin
            begin += len(one.values)
        means = np.array([one.pooling == "mean" for one in lists], np.bool_)
        if batch.bag.offsets is None and batch.bag.values is None and not lists:
            return Slots(rows.ids, rows.table, batch.ids.shape[1], offsets, means)  # the bag is these IDs
        ids = np.concatenate([plain(batch.ids).reshape(-1), *(one.values for one in lists)])
        return Slots(ids, self._table.rows(ids), batch.ids.shape[1], offsets, means)


def _on_a_line(rows: int, width: int) -> Float:
    """[rows, width], uninitialized. Where it begins decides in which order a matrix product adds up."""
    memory = np.empty(rows * width * 4 + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start : start + rows * width * 4].view(np.float32).reshape(rows, width)


@kernel
def _share(slots: Slots, i: int, r: int) -> np.float32:
    """What an element of list i counts in row r."""
    length = slots.offsets[i, r + 1] - slots.offsets[i, r]
    return np.float32(1) / np.float32(length) if slots.means[i] and length > 0 else np.float32(1)


@kernel
def _fill(slots: Slots, values: Float, dense: Float, seen: Float) -> tuple[Float, Float]:
    """Writes `seen`; gives the slots' sums and the pairs' inner products: 1/2 sum_k (S_k² - sum of v_k²)."""
    size, dim, singles = len(seen), values.shape[1], slots.singles
    sums = np.zeros((size, dim), np.float32)
    squares = np.empty(dim, np.float32)
    pooled = np.empty(dim, np.float32)
    pairs = np.empty(size, np.float32)
    for r in range(size):
        squares[:] = 0
        for f in range(singles):
            at = r * singles + f
            if at + _AHEAD < size * singles:
                prefetch(values, np.uint64(slots.table[at + _AHEAD]))
            row = slots.table[at]
            for k in range(dim):
                v = values[row, k]
                sums[r, k] += v
                squares[k] += v * v
                seen[r, f * dim + k] = _SCALE * v
        for i in range(len(slots.offsets)):
            pooled[:] = 0
            for at in range(slots.offsets[i, r], slots.offsets[i, r + 1]):
                row = slots.table[at]
                for k in range(dim):
                    pooled[k] += values[row, k]
            share = _share(slots, i, r)
            for k in range(dim):
                v = pooled[k] * share
                sums[r, k] += v
                squares[k] += v * v
                seen[r, (singles + i) * dim + k] = _SCALE * v
        total = np.float32(0)
        for k in range(dim):
            total += sums[r, k] * sums[r, k] - squares[k]
        pairs[r] = total * _HALF
        first = (singles + len(slots.offsets)) * dim
        for d in range(dense.shape[1]):
            seen[r, first + d] = dense[r, d]
    return sums, pairs


@kernel
def _begin(slots: Slots, known: int, factors: Factors) -> None:
    """First values of the batch's new IDs. An ID is only new while it is learned, so no row need be looked at."""
    for at in range(len(slots.table)):
        row = slots.table[at]
        if row > known:
            begin = source(factors.seed, slots.ids[at])
            for k in range(factors.values.shape[1]):
                factors.values[row, k] = first_value(begin, k, factors.unit)


@kernel
def _run(rows: Rows, state: Float, heads: Heads, stacker: Stacker, offers: Float) -> tuple[Float, Float]:
    size, count = len(rows.labels), len(heads.alpha)
    scores = np.empty((size, 1), np.float32)
    errors = np.zeros(size, np.float32)
    desk = make_desk(count, rows.longest)
    inputs = np.zeros(len(stacker.weights), np.float64)
    gain = np.zeros(len(stacker.weights), np.float64)
    for r in range(size):
        if r + 1 < size:
            for i in range(rows.offsets[r + 1], rows.offsets[r + 2]):
                prefetch(state, np.uint64(rows.table[i]))
        add_up(rows, r, state, heads, desk)
        offer = min(max(offers[r], -_LIMIT), _LIMIT)
        if count > 1:
            inputs[count - 1] = offer
            logit = mix(stacker, desk.logits, inputs)
        else:
            logit = np.float64(desk.logits[0] + offer)
        p = probability(logit)
        scores[r, 0] = np.float32(p)
        weight = rows.weights[r]
        if weight != 0:
            errors[r] = weight * (scores[r, 0] - rows.labels[r])
            if count > 1:
                own_errors(heads, desk, rows.labels[r], weight)
                adapt(stacker, inputs, gain, p, np.float64(rows.labels[r]), np.float64(weight))
            else:
                desk.errors[0] = errors[r]
            take_steps(rows, r, state, heads, desk)
    return scores, errors


@kernel
def _step(deep: Deep, errors: Float, gradients: Float, scale: np.float32, factors: Factors, cell: int) -> None:
    slots, seen, sums, dim = deep.slots, deep.seen, deep.sums, factors.values.shape[1]
    found, at = distinct(slots.table)
    total = np.zeros((len(found), dim), np.float32)
    pull = np.empty(dim, np.float32)
    for r in range(len(errors)):
        back = errors[r] / _SCALE
        for k in range(dim):
            pull[k] = errors[r] * sums[r, k]
        for f in range(slots.singles):
            place = at[r * slots.singles + f]
            for k in range(dim):
                total[place, k] += pull[k] - back * seen[r, f * dim + k] + scale * gradients[r, f * dim + k]
        for i in range(len(slots.offsets)):
            share = _share(slots, i, r)
            first = (slots.singles + i) * dim
            for e in range(slots.offsets[i, r], slots.offsets[i, r + 1]):
                for k in range(dim):
                    g = pull[k] - back * seen[r, first + k] + scale * gradients[r, first + k]
                    total[at[e], k] += share * g
    mean = np.float32(1) / np.float32(dim)
    for i in range(len(found)):
        row = found[i]
        if row == 0:  # unknown IDs of rows that are only scored
            continue
        norm = np.float32(0)
        for k in range(dim):
            norm += total[i, k] * total[i, k]
        factors.state[row, cell] += norm * mean
        rate = factors.rate / (factors.floor + np.sqrt(factors.state[row, cell]))
        for k in range(dim):
            factors.values[row, k] -= rate * total[i, k]

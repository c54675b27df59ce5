"""Factorization machine (Rendle 2010) beside the self-tuning linear heads, row by row.

    I = sum over pairs of IDs of <v_a x_a, v_b x_b> = 1/2 sum_k (S_k² - sum_i (v_ik x_i)²),   S = sum_i v_i x_i

The factors of an ID learn from the mixed score's error g by Adagrad with one accumulator a row:

    e = S - v x;  A += mean_k (g x e)²;  v -= lrv g x e / (bv + sqrt(A))

An ID's first row scores it as the default row, zeros; its random start is written after that, and takes part in the
update.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from dlonflink.embedding.initial import first_value, source, unit
from dlonflink.embedding.layout import RowLayout
from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.kernel import kernel, prefetch
from dlonflink.learners.base import Inputs, Learner, Snapshot
from dlonflink.learners.heads import Heads, add_up, make_desk, make_heads, own_errors, take_steps
from dlonflink.learners.rows import Rows, to_learn, to_score, value_at
from dlonflink.learners.stacker import Stacker, adapt, make_stacker, mix, probability
from dlonflink.learners.weights import binary, cells, restore, snapshot

INIT = 0.01
"""Standard deviation of factors at first."""

_INTERACTION_LIMIT = np.float32(5)
_HALF = np.float32(0.5)


class Factors(NamedTuple):
    """The factors of the table, and how they learn."""

    values: Float  # [rows, dim]
    state: Float  # [rows, cells]
    rate: np.float32  # lrv
    floor: np.float32  # bv
    seed: np.uint64
    unit: np.float32  # initial.unit


class Lanes(NamedTuple):
    """Where one row's factor sums lie."""

    sums: Float  # [dim] S
    squares: Float  # [dim]
    terms: Float  # [longest * dim] e²
    fours: Float  # [longest * dim / 4] the same, added up by four
    norms: Float  # [longest] sum over k of e², then A, then the step


class FMLearner(Learner):
    """`dim` factors beside logistic regression at each of `rates`; one rate: the joint loss, and no stacker."""

    row_by_row: ClassVar[bool] = True

    def __init__(self, inputs: Inputs, dim: int = 16, rates: tuple[float, ...] = (2.0, 8.0, 24.0)) -> None:
        binary(inputs, "fm")
        used = 2 * len(rates) + 1
        layout = RowLayout(dim=dim, state=cells(used), served=tuple(range(0, used - 1, 2)))
        self._table = inputs.tables.local(layout, init=INIT)
        self._heads = make_heads(rates, inputs.columns)
        self._stacker = make_stacker(len(rates), gates=1)
        rate, floor = (0.5 / inputs.columns, 0.3) if len(rates) == 1 else (1 / inputs.columns, 1.0)
        seed = np.uint64(inputs.seed % 2**64)
        self._factors = Factors(
            self._table.values, self._table.state, np.float32(rate), np.float32(floor), seed, unit(INIT)
        )

    def predict(self, batch: Batch) -> Float:
        """[n, 1]. Changes nothing."""
        return _run(to_score(batch, self._table), self._factors, self._heads, self._stacker)

    def learn(self, batch: Batch, truth: Truth) -> Float:
        """[n, 1], each row scored before it is learned. A row of weight 0 is only scored; its new IDs stay unknown."""
        return _run(to_learn(batch, truth, self._table), self._factors, self._heads, self._stacker)

    def snapshot(self) -> Snapshot:
        """Bias and stacker; what belongs to IDs is the table's."""
        return snapshot(self._heads, self._stacker)

    def restore(self, snapshot: Snapshot) -> None:
        """As the contract says. ResumeError where the snapshot was made with other rates."""
        restore(self._heads, self._stacker, snapshot)


@kernel
def _interaction(rows: Rows, r: int, factors: Factors, lanes: Lanes) -> np.float32:
    """I of row r; leaves S in lanes.sums.

    Here and below the inner loop runs over `dim`, a number the compiler does not know: so it makes vectors of it, with
    a check that arrays do not overlap. A constant would be unrolled into scalars, and take twice the time.
    """
    dim = factors.values.shape[1]
    for k in range(dim):
        lanes.sums[k] = 0
        lanes.squares[k] = 0
    for i in range(rows.offsets[r], rows.offsets[r + 1]):
        row = rows.table[i]
        x = value_at(rows.values, i)
        for k in range(dim):
            term = factors.values[row, k] * x
            lanes.sums[k] += term
            lanes.squares[k] += term * term
    total = np.float32(0)
    for k in range(dim):
        total += lanes.sums[k] * lanes.sums[k] - lanes.squares[k]
    return total * _HALF


@kernel
def _start(rows: Rows, r: int, factors: Factors, lanes: Lanes) -> None:
    """First values of the IDs that row r is the first to learn from."""
    dim = factors.values.shape[1]
    for i in range(rows.offsets[r], rows.offsets[r + 1]):
        row = rows.table[i]
        if factors.state[row, -1] == 0:
            begin = source(factors.seed, rows.ids[i])
            x = value_at(rows.values, i)
            for k in range(dim):
                value = first_value(begin, k, factors.unit)
                factors.values[row, k] = value
                lanes.sums[k] += value * x


@kernel
def _norms(rows: Rows, r: int, factors: Factors, lanes: Lanes) -> None:
    """norms[f] = sum over k of e² of row r's ID f. Strict floats keep this order of additions: one with vectors."""
    dim = factors.values.shape[1]
    first = rows.offsets[r]
    count = rows.offsets[r + 1] - first
    for f in range(count):
        row = rows.table[first + f]
        x = value_at(rows.values, first + f)
        for k in range(dim):
            e = lanes.sums[k] - factors.values[row, k] * x
            lanes.terms[f * dim + k] = e * e
    quarter = dim // 4
    for i in range(count * quarter):
        lanes.fours[i] = (lanes.terms[4 * i] + lanes.terms[4 * i + 1]) + (
            lanes.terms[4 * i + 2] + lanes.terms[4 * i + 3]
        )
    for f in range(count):
        total = np.float32(0)
        for k in range(quarter):
            total += lanes.fours[f * quarter + k]
        lanes.norms[f] = total


@kernel
def _steps(rows: Rows, r: int, factors: Factors, lanes: Lanes, cell: int, error: np.float32) -> None:
    """The factors' steps of row r; A lies in the state cell `cell`."""
    _norms(rows, r, factors, lanes)
    dim = factors.values.shape[1]
    mean = np.float32(1) / np.float32(dim)
    first = rows.offsets[r]
    count = rows.offsets[r + 1] - first
    for f in range(count):
        row = rows.table[first + f]
        g = error * value_at(rows.values, first + f)
        lanes.norms[f] = factors.state[row, cell] + lanes.norms[f] * (g * g) * mean
        factors.state[row, cell] = lanes.norms[f]
    for f in range(count):
        g = error * value_at(rows.values, first + f)
        lanes.norms[f] = factors.rate * g / (factors.floor + np.sqrt(lanes.norms[f]))
    for f in range(count):
        row = rows.table[first + f]
        x = value_at(rows.values, first + f)
        step = lanes.norms[f]
        for k in range(dim):
            value = factors.values[row, k]
            factors.values[row, k] = value - step * (lanes.sums[k] - value * x)


@kernel
def _make_lanes(dim: int, longest: int) -> Lanes:
    return Lanes(
        np.empty(dim, np.float32),
        np.empty(dim, np.float32),
        np.empty(longest * dim, np.float32),
        np.empty(longest * dim // 4, np.float32),
        np.empty(longest, np.float32),
    )


@kernel
def _run(rows: Rows, factors: Factors, heads: Heads, stacker: Stacker) -> Float:
    """Scores [size, 1] of the rows, each learned from before the next one where its weight is not 0."""
    size, count = len(rows.labels), len(heads.alpha)
    scores = np.empty((size, 1), np.float32)
    desk = make_desk(count, rows.longest)
    lanes = _make_lanes(factors.values.shape[1], rows.longest)
    inputs = np.zeros(len(stacker.weights), np.float64)
    gain = np.zeros(len(stacker.weights), np.float64)
    for r in range(size):
        if r + 1 < size:
            for i in range(rows.offsets[r + 1], rows.offsets[r + 2]):
                prefetch(factors.state, np.uint64(rows.table[i]))
                prefetch(factors.values, np.uint64(rows.table[i]))
        add_up(rows, r, factors.state, heads, desk)
        interaction = _interaction(rows, r, factors, lanes)
        if count > 1:
            inputs[count - 1] = min(max(interaction, -_INTERACTION_LIMIT), _INTERACTION_LIMIT)
            logit = mix(stacker, desk.logits, inputs)
        else:
            logit = np.float64(desk.logits[0] + interaction)
        p = probability(logit)
        scores[r, 0] = np.float32(p)
        weight = rows.weights[r]
        if weight != 0:
            error = weight * (scores[r, 0] - rows.labels[r])
            if count > 1:
                own_errors(heads, desk, rows.labels[r], weight)
                adapt(stacker, inputs, gain, p, np.float64(rows.labels[r]), np.float64(weight))
            else:
                desk.errors[0] = error
            _start(rows, r, factors, lanes)
            _steps(rows, r, factors, lanes, 2 * count, error)
            take_steps(rows, r, factors.state, heads, desk)
    return scores

"""Linear heads: logistic regression at several step sizes at once, each learning from its own loss.

FTRL-proximal (McMahan et al. 2013) without regularization is Adagrad, and is kept in that form:

    n += g²;  w -= alpha g / (1 + sqrt(n))

Head j has its w and n of an ID in the cells 2 j and 2 j + 1 of the ID's table row, so that one cache line serves all
heads. The bias does the same in float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlonflink.features.batch import Float
from dlonflink.kernel import kernel
from dlonflink.learners.rows import Rows, value_at

LIMIT = np.float32(15)
"""Logits of heads are cut to ±15: what lies beyond carries no information, and exp stays finite."""


class Heads(NamedTuple):
    """What the heads learn besides the table."""

    alpha: tuple[np.float32, ...]  # step sizes; a tuple, for its length is known when the kernel is compiled
    bias: NDArray[np.float64]  # [heads]
    squares: NDArray[np.float64]  # [heads] n of the bias


class Desk(NamedTuple):
    """Where one row's numbers lie while it is worked on: by head, so that updates run as vectors over the IDs."""

    weights: Float  # [heads, longest]
    squares: Float  # [heads, longest]
    logits: Float  # [heads]
    errors: Float  # [heads]


def make_heads(rates: tuple[float, ...], columns: int) -> Heads:
    """Step sizes are `rates` divided by the number of declared columns."""
    alpha = tuple(np.float32(rate / columns) for rate in rates)
    return Heads(alpha, np.zeros(len(alpha)), np.zeros(len(alpha)))


@kernel
def make_desk(heads: int, longest: int) -> Desk:
    """A desk for rows of up to `longest` IDs."""
    return Desk(
        np.empty((heads, longest), np.float32),
        np.empty((heads, longest), np.float32),
        np.empty(heads, np.float32),
        np.empty(heads, np.float32),
    )


@kernel
def add_up(rows: Rows, r: int, state: Float, heads: Heads, desk: Desk) -> None:
    """Fetches row r's cells, and its logits: bias + sum of w x, in the order of the IDs."""
    for j in range(len(heads.alpha)):
        desk.logits[j] = np.float32(heads.bias[j])
    first = rows.offsets[r]
    for i in range(first, rows.offsets[r + 1]):
        row = rows.table[i]
        x = value_at(rows.values, i)
        for j in range(len(heads.alpha)):
            w = state[row, 2 * j]
            desk.weights[j, i - first] = w
            desk.squares[j, i - first] = state[row, 2 * j + 1]
            desk.logits[j] += w * x
    for j in range(len(heads.alpha)):
        desk.logits[j] = min(max(desk.logits[j], -LIMIT), LIMIT)


@kernel
def own_errors(heads: Heads, desk: Desk, label: np.float32, weight: np.float32) -> None:
    """Each head's gradient of its own log loss."""
    one = np.float32(1)
    for j in range(len(heads.alpha)):
        desk.errors[j] = weight * (one / (one + np.exp(-desk.logits[j])) - label)


@kernel
def take_steps(rows: Rows, r: int, state: Float, heads: Heads, desk: Desk) -> None:
    """The steps of row r by desk.errors, back into the table, and the bias."""
    one = np.float32(1)
    first = rows.offsets[r]
    count = rows.offsets[r + 1] - first
    for j in range(len(heads.alpha)):
        error = desk.errors[j]
        rate = heads.alpha[j]
        for f in range(count):
            g = error * value_at(rows.values, first + f)
            n = desk.squares[j, f] + g * g
            desk.squares[j, f] = n
            desk.weights[j, f] -= rate * g / (one + np.sqrt(n))
        wide = np.float64(error)
        heads.squares[j] += wide * wide
        heads.bias[j] -= rate * wide / (1.0 + np.sqrt(heads.squares[j]))
    for f in range(count):
        row = rows.table[first + f]
        for j in range(len(heads.alpha)):
            state[row, 2 * j] = desk.weights[j, f]
            state[row, 2 * j + 1] = desk.squares[j, f]
        state[row, -1] += one

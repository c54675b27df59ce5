"""Optimizer steps of a table that is driven by gradients: one step for each ID, however often it came."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.index import Rows
from dlonflink.embedding.initial import first_value, source
from dlonflink.features.batch import Float, Ids
from dlonflink.kernel import kernel

Longs = NDArray[np.int64]

ACCUMULATOR = 0
"""The state cell that holds A of `step`."""


class Rule(NamedTuple):
    """How a row steps."""

    lr: np.float32
    adagrad: bool
    seed: np.uint64
    unit: np.float32  # initial.unit


@kernel
def distinct(rows: Rows) -> tuple[Rows, Longs]:
    """Distinct rows in the order they first came, and for each of `rows` its place among them."""
    size = 4
    while size < 2 * len(rows):
        size *= 2
    places = np.full(size, -1, np.int64)
    found = np.empty(len(rows), np.uint32)
    at = np.empty(len(rows), np.int64)
    n = 0
    for i in range(len(rows)):
        place = np.int64(rows[i]) * 0x9E3779B1 & (size - 1)
        while places[place] >= 0 and found[places[place]] != rows[i]:
            place = (place + 1) & (size - 1)
        if places[place] < 0:
            places[place] = n
            found[n] = rows[i]
            n += 1
        at[i] = places[place]
    return found[:n], at


@kernel
def coalesce(rows: Rows, gradients: Float) -> tuple[Rows, Float]:
    """Distinct rows, and their gradients, added up in input order."""
    found, at = distinct(rows)
    sums = np.zeros((len(found), gradients.shape[1]), np.float32)
    for i in range(len(rows)):
        for k in range(gradients.shape[1]):
            sums[at[i], k] += gradients[i, k]
    return found, sums


@kernel
def step(values: Float, state: Float, rows: Rows, gradients: Float, rule: Rule) -> None:
    """adagrad: A += mean(g²), row -= lr g / (1 + sqrt(A)), one A a row; sgd: row -= lr g. Rows are distinct.

    A row that was never stepped starts here (`start`).
    """
    one = np.float32(1)
    dim = values.shape[1]
    for i in range(len(rows)):
        row = rows[i]
        rate = rule.lr
        if rule.adagrad:
            total = np.float32(0)
            for k in range(dim):
                total += gradients[i, k] * gradients[i, k]
            state[row, ACCUMULATOR] += total / np.float32(dim)
            rate = rule.lr / (one + np.sqrt(state[row, ACCUMULATOR]))
        for k in range(dim):
            values[row, k] -= rate * gradients[i, k]
        state[row, -1] += one


@kernel
def start(values: Float, state: Float, rows: Rows, ids: Ids, rule: Rule) -> None:
    """First values for the rows that were never stepped. Until then a row holds zeros, so it scores as the default."""
    for i in range(len(rows)):
        row = rows[i]
        if state[row, -1] == 0:
            begin = source(rule.seed, ids[i])
            for k in range(values.shape[1]):
                values[row, k] = first_value(begin, k, rule.unit)

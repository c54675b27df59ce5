"""Random encoded rows, to try learners on: the same for the same seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlonflink.features.batch import Bag, Batch, Float, Ids, Ragged, Truth

FEATURES = ("a", "b", "c", "d")
LISTS = ("tags",)
_DENSE_ID = np.uint64(0xD0D0_D0D0_D0D0_D0D0)  # what a dense column's one weight is kept under


class Stream(NamedTuple):
    """Rows and what came true of them."""

    batch: Batch
    truth: Truth


def random_rows(rows: int, seed: int = 0, *, mixed: bool = False) -> Stream:
    """Four columns of 2 to 1,000 IDs each, and a label that depends on some; IDs go on appearing to the end.

    `mixed`: also a pooled list of 0 to 3 IDs and a dense column, so that the bag has values and rows differ in length.
    """
    random = np.random.default_rng(seed)
    picks = np.stack([random.integers(0, size, rows) for size in (2, 10, 100, 1000)], axis=1)
    ids = _spread(picks + np.arange(4) * 10_000)
    lengths = random.integers(0, 4, rows) if mixed else np.zeros(rows, np.int64)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tags = np.concatenate([random.choice(20, size, replace=False) for size in lengths] or [np.zeros(0)])
    listed = Ragged(_spread(tags.astype(np.int64) + 90_000), ends)
    dense = random.normal(size=(rows, 1 if mixed else 0)).astype(np.float32)
    logits = np.where(picks[:, 1] < 5, 1.0, -1.0) + np.where(picks[:, 0] == picks[:, 2] % 2, 1.0, -1.0)
    if mixed:
        logits = logits + dense[:, 0]
    labels = (random.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.float32)[:, None]
    times = 1_700_000_000_000 + np.arange(rows, dtype=np.int64) * 1000
    bag = _mixed_bag(ids, listed, dense) if mixed else Bag(ids.reshape(-1), None, None, len(FEATURES))
    batch = Batch(rows, ids, {"tags": listed} if mixed else {}, dense, times, bag)
    return Stream(batch, Truth(labels, np.ones_like(labels)))


def cut(stream: Stream, first: int, last: int) -> Stream:
    """The rows first ... last - 1."""
    rows = np.arange(first, last)
    return Stream(stream.batch.pick(rows), stream.truth.pick(rows))


def _spread(numbers: np.ndarray) -> Ids:
    """Distinct 64-bit IDs that look like hashes: multiplication by an odd number is one to one."""
    return numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _mixed_bag(ids: Ids, listed: Ragged, dense: Float) -> Bag:
    ends, row_ids, row_values = [0], list[Ids](), list[Float]()
    for row in range(len(ids)):
        tags = listed.values[listed.offsets[row] : listed.offsets[row + 1]]
        ones = np.ones(ids.shape[1] + len(tags), np.float32)
        row_ids.append(np.concatenate([ids[row], tags, [_DENSE_ID]]))
        row_values.append(np.concatenate([ones, dense[row]]))
        ends.append(ends[-1] + len(row_ids[-1]))
    return Bag(np.concatenate(row_ids), np.concatenate(row_values), np.array(ends, np.int64), 0)

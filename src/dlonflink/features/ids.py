"""Columns to IDs: one Arrow column by the kernel of its type, crosses, and lists."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa

from dlonflink.features import arrays, hashing
from dlonflink.features.batch import Ids, Ragged
from dlonflink.features.hashing import Vocabulary


def hash_column(array: pa.Array, vocabulary: Vocabulary, bucket: Literal["log"] | None, out: Ids, at: int) -> None:
    """Writes the IDs of a scalar column into out[:, at]."""
    type_, seeds = array.type, vocabulary.seeds
    bitmap, start = arrays.validity(array)
    if bucket is not None:
        hashing.hash_buckets(arrays.floats(array), bitmap, start, seeds, out, at)
    elif pa.types.is_string(type_) or pa.types.is_binary(type_):
        offsets, data = arrays.text(array)
        hashing.hash_bytes(offsets, data, bitmap, start, seeds, out, at)
    elif arrays.is_integral(type_):
        hashing.hash_integers(arrays.integers(array), bitmap, start, seeds, out, at)
    elif pa.types.is_floating(type_):
        hashing.hash_floats(arrays.floats(array), bitmap, start, seeds, out, at)
    else:
        hashing.hash_decimals(arrays.limbs(array), bitmap, start, type_.scale, seeds, out, at)


def hash_list(
    array: pa.ListArray, vocabulary: Vocabulary, bucket: Literal["log"] | None, pooling: Literal["sum", "mean"]
) -> Ragged:
    """The IDs of an ARRAY column's elements; a NULL element is the ID of NULL."""
    elements, offsets = arrays.elements(array)
    ids = np.empty((len(elements), 1), np.uint64)
    hash_column(elements, vocabulary, bucket, ids, 0)
    return Ragged(ids.ravel(), offsets, pooling)

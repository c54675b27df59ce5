"""A row's first values: a pure function of (seed, ID, k), with the same bits on every machine.

splitmix64 (Steele, Lea, Flood 2014) gives 64 bits for each k; its four 16-bit parts are added up. Four uniforms are
near enough to a normal distribution, and unlike one it needs whole numbers alone, and one rounding at the end.
"""

from __future__ import annotations

import math

import numpy as np

from dlonflink.kernel import kernel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_PART = np.uint64(0xFFFF)
_MEAN = np.int64(2 * 0xFFFF)  # of the sum of four numbers from 0 ... 65535
_DEVIATION = math.sqrt((65536**2 - 1) / 3)  # of that sum: four times (65536**2 - 1) / 12


def unit(init: float) -> np.float32:
    """What a first value's whole number is multiplied with, so that the standard deviation is `init`."""
    return np.float32(init / _DEVIATION)


@kernel
def _mix(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))


@kernel
def source(seed: np.uint64, key: np.uint64) -> np.uint64:
    """Where the numbers of an ID begin."""
    return _mix(key ^ _mix(seed + _STEP))


@kernel
def first_value(start: np.uint64, k: int, scale: np.float32) -> np.float32:
    """Value k of the ID whose `source` is `start`; `scale` from `unit`."""
    word = _mix(start + np.uint64(k + 1) * _STEP)
    total = (word & _PART) + (word >> np.uint64(16) & _PART) + (word >> np.uint64(32) & _PART) + (word >> np.uint64(48))
    return np.float32(np.int64(total) - _MEAN) * scale

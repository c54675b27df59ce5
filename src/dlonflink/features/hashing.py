"""Values to 64-bit IDs: XXH64 (its specification is public: Yann Collet, xxHash), as kernels over Arrow's own buffers.

An ID is `XXH64(bytes of the value, seed)`, where the seed is `XXH64(vocabulary's UTF-8 bytes, 0)`. The bytes are

- STRING, BYTES: their own;
- BOOLEAN (0, 1), every integer, DATE (days), TIME (ms), TIMESTAMP (ms since 1970 UTC, floored): int64, little endian,
  so a column may be widened and keep its IDs;
- FLOAT, DOUBLE: the float64's bits, little endian; -0.0 as 0.0; NaN is NULL;
- DECIMAL: its shortest plain text, e.g. `12.5` for 12.50, `0` for -0.00;
- a log bucket: an int64, as an integer;
- a cross: the little-endian IDs of its columns, each in its own vocabulary, in order.

NULL is `XXH64(no bytes, ~seed)`: the empty string has the plain seed, and no vocabulary's name gives the inverted one.
The ID 0 becomes 1, so that 0 can mean none.

Every kernel writes one column of `out`, a C-contiguous uint64 [rows, columns], and reads validity as Arrow keeps it:
bit `start + i` of `bitmap` belongs to row i, and an empty bitmap says that no row is NULL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlonflink.features.batch import Ids
from dlonflink.kernel import kernel

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]
Doubles = NDArray[np.float64]

_U = np.uint64
_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)

_TEXT = 42
"""Bytes of the longest decimal's text: sign, `0`, point, and the 39 digits of 2^127."""
_LARGEST = float(np.finfo(np.float64).max)
_LEAST_LONG = float(-(2**63))


@dataclass(frozen=True)
class Vocabulary:
    """The space an ID is hashed in: `seeds` is uint64 [2], the seed and the ID of NULL."""

    name: str
    seeds: Ids

    @classmethod
    def of(cls, name: str) -> Vocabulary:
        seed = xxh64(name.encode())
        null = xxh64(b"", ~seed & 0xFFFF_FFFF_FFFF_FFFF)
        return cls(name, np.array([seed, null or 1], np.uint64))

    def id(self, value: bytes) -> int:
        """The ID of a value by its bytes."""
        return xxh64(value, int(self.seeds[0])) or 1


def xxh64(data: bytes, seed: int = 0) -> int:
    """XXH64 of `data`; the seed is an unsigned 64-bit number."""
    view = np.frombuffer(data, np.uint8)
    return int(_hash(view, np.uint64(0), np.uint64(len(view)), np.uint64(seed)))


# Unsigned indices: numba would test a signed one for being negative, and LLVM then could not join the eight loads.


@kernel
def _rotate(value: np.uint64, bits: int) -> np.uint64:
    return (value << _U(bits)) | (value >> _U(64 - bits))


@kernel
def _four(data: Bytes, at: np.uint64) -> np.uint64:
    return (
        _U(data[at]) | _U(data[at + _U(1)]) << _U(8) | _U(data[at + _U(2)]) << _U(16) | _U(data[at + _U(3)]) << _U(24)
    )


@kernel
def _eight(data: Bytes, at: np.uint64) -> np.uint64:
    return (
        _U(data[at])
        | _U(data[at + _U(1)]) << _U(8)
        | _U(data[at + _U(2)]) << _U(16)
        | _U(data[at + _U(3)]) << _U(24)
        | _U(data[at + _U(4)]) << _U(32)
        | _U(data[at + _U(5)]) << _U(40)
        | _U(data[at + _U(6)]) << _U(48)
        | _U(data[at + _U(7)]) << _U(56)
    )


@kernel
def _lane(word: np.uint64) -> np.uint64:
    return _rotate(word * _P2, 31) * _P1


@kernel
def _join(h: np.uint64, word: np.uint64) -> np.uint64:
    return _rotate(h ^ _lane(word), 27) * _P1 + _P4


@kernel
def _fold(h: np.uint64, lane: np.uint64) -> np.uint64:
    return (h ^ _lane(lane)) * _P1 + _P4


@kernel
def _round(lane: np.uint64, word: np.uint64) -> np.uint64:
    return _rotate(lane + word * _P2, 31) * _P1


@kernel
def _avalanche(h: np.uint64) -> np.uint64:
    h = (h ^ (h >> _U(33))) * _P2
    h = (h ^ (h >> _U(29))) * _P3
    return h ^ (h >> _U(32))


@kernel
def _hash(data: Bytes, at: np.uint64, end: np.uint64, seed: np.uint64) -> np.uint64:
    """XXH64 of data[at:end]."""
    length = end - at
    if length >= _U(32):
        a, b, c, d = seed + _P1 + _P2, seed + _P2, seed, seed - _P1
        while at + _U(32) <= end:
            a = _round(a, _eight(data, at))
            b = _round(b, _eight(data, at + _U(8)))
            c = _round(c, _eight(data, at + _U(16)))
            d = _round(d, _eight(data, at + _U(24)))
            at += _U(32)
        h = _rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)
        h = _fold(_fold(_fold(_fold(h, a), b), c), d)
    else:
        h = seed + _P5
    h += length
    while at + _U(8) <= end:
        h = _join(h, _eight(data, at))
        at += _U(8)
    if at + _U(4) <= end:
        h = _rotate(h ^ _four(data, at) * _P1, 23) * _P2 + _P3
        at += _U(4)
    while at < end:
        h = _rotate(h ^ _U(data[at]) * _P5, 11) * _P1
        at += _U(1)
    return _avalanche(h)


@kernel
def _hash_word(word: np.uint64, seed: np.uint64) -> np.uint64:
    """XXH64 of one little-endian word."""
    return _avalanche(_join(seed + _P5 + _U(8), word))


@kernel
def _some(h: np.uint64) -> np.uint64:
    return h if h != _U(0) else _U(1)


@kernel
def _present(bitmap: Bytes, bit: int) -> bool:
    return len(bitmap) == 0 or (bitmap[bit >> 3] >> (bit & 7)) & 1 != 0


@kernel
def hash_bytes(
    offsets: NDArray[np.int32], data: Bytes, bitmap: Bytes, start: int, seeds: Ids, out: Ids, column: int
) -> None:
    """Row i is data[offsets[i]:offsets[i + 1]]; offsets [rows + 1]."""
    for i in range(len(out)):
        if _present(bitmap, start + i):
            out[i, column] = _some(_hash(data, _U(offsets[i]), _U(offsets[i + 1]), seeds[0]))
        else:
            out[i, column] = seeds[1]


@kernel
def hash_integers(values: Longs, bitmap: Bytes, start: int, seeds: Ids, out: Ids, column: int) -> None:
    for i in range(len(out)):
        if _present(bitmap, start + i):
            out[i, column] = _some(_hash_word(_U(values[i]), seeds[0]))
        else:
            out[i, column] = seeds[1]


@kernel
def hash_floats(values: Doubles, bitmap: Bytes, start: int, seeds: Ids, out: Ids, column: int) -> None:
    words = values.view(np.uint64)
    for i in range(len(out)):
        if _present(bitmap, start + i) and not np.isnan(values[i]):
            word = words[i] if values[i] != 0.0 else _U(0)  # -0.0 as 0.0
            out[i, column] = _some(_hash_word(word, seeds[0]))
        else:
            out[i, column] = seeds[1]


@kernel
def hash_buckets(values: Doubles, bitmap: Bytes, start: int, seeds: Ids, out: Ids, column: int) -> None:
    """`floor(v)` if v <= 2, else `10 + floor(ln(v)^2)`, hashed as an integer; an infinity as the largest double."""
    for i in range(len(out)):
        value = values[i]
        if not _present(bitmap, start + i) or np.isnan(value):
            out[i, column] = seeds[1]
            continue
        if value > 2.0:
            logarithm = np.log(min(value, _LARGEST))
            bucket = 10 + np.int64(np.floor(logarithm * logarithm))
        else:
            bucket = np.int64(np.floor(max(value, _LEAST_LONG)))
        out[i, column] = _some(_hash_word(_U(bucket), seeds[0]))


@kernel
def _write_decimal(low: np.uint64, high: np.uint64, scale: int, text: Bytes) -> int:
    """Writes the number's shortest plain text to the end of `text`, which ends it; returns where it begins."""
    negative = high >> _U(63) != _U(0)
    if negative:  # two's complement
        low, high = ~low + _U(1), ~high + _U(low == _U(0))
    # Base 2^32, so that the remainder and the next limb fit one word.
    a, b, c, d = high >> _U(32), high & _U(0xFFFFFFFF), low >> _U(32), low & _U(0xFFFFFFFF)
    ten = _U(10)
    at = len(text)
    fraction = scale
    while fraction > -1 or a | b | c | d != _U(0):
        b |= (a % ten) << _U(32)
        c |= (b % ten) << _U(32)
        d |= (c % ten) << _U(32)
        digit = d % ten
        a, b, c, d = a // ten, b // ten, c // ten, d // ten
        if fraction <= 0 or digit != _U(0) or at < len(text):  # else a zero at the fraction's end
            at -= 1
            text[at] = np.uint8(48) + np.uint8(digit)
        fraction -= 1
        if fraction == 0 and at < len(text):
            at -= 1
            text[at] = np.uint8(46)
    if negative:
        at -= 1
        text[at] = np.uint8(45)
    return at


@kernel
def hash_decimals(limbs: Ids, bitmap: Bytes, start: int, scale: int, seeds: Ids, out: Ids, column: int) -> None:
    """Row i is the 128-bit integer limbs[i] (low, high) over 10^scale."""
    text = np.empty(_TEXT, np.uint8)
    end = _U(len(text))
    for i in range(len(out)):
        if _present(bitmap, start + i):
            begin = _U(_write_decimal(limbs[i, 0], limbs[i, 1], scale, text))
            out[i, column] = _some(_hash(text, begin, end, seeds[0]))
        else:
            out[i, column] = seeds[1]


@kernel
def hash_cross(parts: Ids, picks: Longs, seed: np.uint64, out: Ids, column: int) -> None:
    """XXH64 over the words parts[i, picks[0]], parts[i, picks[1]], ..."""
    count = len(picks)
    striped = count - count % 4 if count >= 4 else 0
    for i in range(len(out)):
        if striped:
            a, b, c, d = seed + _P1 + _P2, seed + _P2, seed, seed - _P1
            for k in range(0, striped, 4):
                a = _round(a, parts[i, picks[k]])
                b = _round(b, parts[i, picks[k + 1]])
                c = _round(c, parts[i, picks[k + 2]])
                d = _round(d, parts[i, picks[k + 3]])
            h = _rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)
            h = _fold(_fold(_fold(_fold(h, a), b), c), d)
        else:
            h = seed + _P5
        h += _U(8 * count)
        for k in range(striped, count):
            h = _join(h, parts[i, picks[k]])
        out[i, column] = _some(_avalanche(h))

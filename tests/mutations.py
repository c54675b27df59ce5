"""Bytes that were right, made wrong as a bug, a bad disk or an enemy makes them. Java has the same ones."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_EXTREMES = (0, 1, -1, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**16, 2**20, 2**26 + 1)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null')
_TOKENS = (
    *(b"null", b"true", b"{}", b"[]", b'""', b"-1", b"0", b"1e999", b"-0.5", b"NaN", b"9" * 5_000, b"[" * 5_000),
    *(
        b'"\\ud800"',
        b'"\\u0000"',
        b'"\xff"',
        b'{"a":' * 300,
        b'"x":1,"x":2',
        b"18446744073709551616",
        b"1" + b"0" * 400,
    ),
)


def mutated(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """One to three changes of `data`; parts of `others` may come in."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        chance.choice(_CHANGES)(changed, chance, others)
    return bytes(changed)


def flipped(data: bytes, chance: random.Random) -> bytes:
    """One bit is another."""
    changed = bytearray(data)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _flip(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    for _ in range(chance.choice((1, 1, 2, 8))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _truncate(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    del data[chance.randint(0, len(data)) :]


def _zero(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    begin, end = _run(data, chance)
    data[begin:end] = bytes(end - begin)


def _drop(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    begin, end = _run(data, chance)
    del data[begin:end]


def _insert(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.randbytes(chance.choice((1, 4, 8, 40)))


def _splice(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    """A part of another, over this one or between."""
    other = chance.choice(others)
    begin, end = _run(other, chance)
    at = chance.randint(0, len(data))
    data[at : at + chance.choice((0, end - begin))] = other[begin:end]


def _repeat(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    begin, end = _run(data, chance)
    data[end:end] = data[begin:end]


def _length(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """A number where formats keep lengths, counts and offsets: an extreme, or a little more or less."""
    width = chance.choice((4, 8))
    if len(data) < width:
        return
    at = chance.randrange(0, len(data) - width + 1, chance.choice((1, 4)))
    before = int.from_bytes(data[at : at + width], "little")
    number = chance.choice((*_EXTREMES, len(data), before + 1, before - 1, before + 8, before * 2))
    data[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, "little")


def _token(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    """A value or a key of JSON is another; of bytes that are no JSON, a length."""
    if not data[:1].isascii() or b'"' not in data[:4_096]:
        return _length(data, chance, others)
    tokens = list(_TOKEN.finditer(bytes(data[: 1 << 16])))
    if tokens:
        begin, end = chance.choice(tokens).span()
        data[begin:end] = chance.choice((*_TOKENS, chance.choice(tokens)[0]))
    return None


def _run(data: bytes | bytearray, chance: random.Random) -> tuple[int, int]:
    begin = chance.randint(0, len(data))
    return begin, min(len(data), begin + chance.choice((1, 2, 8, 64, 1_000)))


_CHANGES: Sequence[Callable[[bytearray, random.Random, Sequence[bytes]], None]] = (
    *(_flip, _flip, _truncate, _zero, _drop, _insert, _splice, _repeat, _length, _length, _token, _token),
)

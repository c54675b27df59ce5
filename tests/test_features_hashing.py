"""The kernels against the reference implementation: any bytes, any slice, any type, long batches, wide crosses."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from dlonflink.features.batch import Ids
from dlonflink.features.columns import Features
from dlonflink.features.encode import Encoder
from dlonflink.features.hashing import Vocabulary, xxh64
from dlonflink.features.spec import FeatureSpec


def ids_of(columns: dict[str, pa.Array], *, crossed: tuple[tuple[str, ...], ...] = ()) -> Ids:
    batch = pa.record_batch(list(columns.values()), list(columns))
    features = Features(hashed=() if crossed else tuple(columns), crossed=crossed)
    return Encoder(FeatureSpec.of(features, batch.schema)).encode(batch).ids


def expected(data: bytes | None, name: str) -> int:
    seed = xxhash.xxh64_intdigest(name.encode())
    return xxhash.xxh64_intdigest(b"", ~seed & 2**64 - 1) if data is None else xxhash.xxh64_intdigest(data, seed)


@given(st.binary(max_size=200), st.integers(0, 2**64 - 1))
def test_xxh64(data: bytes, seed: int) -> None:
    assert xxh64(data, seed) == xxhash.xxh64_intdigest(data, seed)


@given(st.lists(st.none() | st.binary(max_size=100), max_size=40), st.integers(0, 12), st.integers(0, 40))
def test_any_slice_of_a_column(values: list[bytes | None], begin: int, length: int) -> None:
    array = pa.array(values, pa.binary()).slice(min(begin, len(values)), length)
    assert ids_of({"c": array})[:, 0].tolist() == [expected(value, "c") for value in values[begin : begin + length]]


def numbers(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    limit = 10**digits - 1
    # Not by arithmetic: a Decimal's own context rounds to 28 digits.
    return st.integers(-limit, limit).map(
        lambda n: Decimal((int(n < 0), tuple(int(digit) for digit in str(abs(n))), -scale))
    )


def plain(number: Decimal) -> bytes:
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return (text if text not in ("-0", "") else "0").encode()


@given(
    st.sampled_from([(1, 0), (9, 2), (18, 18), (20, 3), (38, 0), (38, 10), (38, 38)]).flatmap(
        lambda type_: st.tuples(st.just(type_), st.lists(st.none() | numbers(*type_), min_size=1, max_size=20))
    )
)
def test_decimals_are_their_plain_text(given_: tuple[tuple[int, int], list[Decimal | None]]) -> None:
    (digits, scale), values = given_
    ids = ids_of({"c": pa.array(values, pa.decimal128(digits, scale))})[:, 0].tolist()
    assert ids == [expected(None if value is None else plain(value), "c") for value in values]


@given(st.lists(st.none() | st.floats(), max_size=20))
def test_floats_are_their_bits(values: list[float | None]) -> None:
    data = [None if v is None or v != v else struct.pack("<d", v + 0.0) for v in values]
    ids = ids_of({"c": pa.array(values, pa.float64())})[:, 0].tolist()
    assert ids == [expected(one, "c") for one in data]


@pytest.mark.parametrize("width", [2, 3, 4, 5, 7, 8, 9])
def test_a_cross_of_many_columns(width: int) -> None:
    columns: dict[str, Any] = {f"c{i}": pa.array([i, None, -i], pa.int64()) for i in range(width)}
    ids = ids_of(columns, crossed=(tuple(columns),))[:, 0].tolist()
    for row, one in enumerate(ids):
        parts = [array[row].as_py() for array in columns.values()]
        data = b"".join(
            struct.pack("<Q", expected(None if part is None else struct.pack("<q", part), name))
            for name, part in zip(columns, parts, strict=True)
        )
        assert one == expected(data, "*".join(columns))


def test_a_long_batch() -> None:
    texts = [f"{i * 2_654_435_761 % 2**32:x}" * (1 + i % 7) for i in range(200_000)]
    array = pa.array(texts).slice(3)
    ids = ids_of({"c": array})[:, 0]
    assert np.array_equal(ids[::997], np.array([expected(text.encode(), "c") for text in texts[3::997]], np.uint64))


def test_no_id_is_zero_and_null_is_no_value() -> None:
    vocabulary = Vocabulary.of("x")
    seed, null = (int(one) for one in vocabulary.seeds)
    assert null not in (0, seed, vocabulary.id(b""))
    # With seed -P5 nothing is left of the initial state of an empty input: the one easy zero of XXH64.
    assert xxh64(b"", -0x27D4EB2F165667C5 & 2**64 - 1) == 0
    zero = Vocabulary("zero", np.array([-0x27D4EB2F165667C5 & 2**64 - 1, 5], np.uint64))
    assert zero.id(b"") == 1

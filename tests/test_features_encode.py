"""Columns to numbers: IDs by type, NULLs, crosses, lists, dense numbers, bags, labels, event time."""

from __future__ import annotations

import datetime as dt
import json
import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from dlonflink.errors import DataError, PipelineError, SchemaError
from dlonflink.features.columns import Crossed, Dense, Features, Hashed, Label
from dlonflink.features.encode import Encoder
from dlonflink.features.golden import golden
from dlonflink.features.labels import truth
from dlonflink.features.rows import rows
from dlonflink.features.spec import FeatureSpec


def xx(data: bytes, vocabulary: str) -> int:
    return xxhash.xxh64_intdigest(data, xxhash.xxh64_intdigest(vocabulary.encode()))


def null(vocabulary: str) -> int:
    return xxhash.xxh64_intdigest(b"", ~xxhash.xxh64_intdigest(vocabulary.encode()) & 2**64 - 1)


def word(value: int) -> bytes:
    return struct.pack("<q", value)


def encode(batch: pa.RecordBatch, **features: Any):
    return Encoder(FeatureSpec.of(Features(**features), batch.schema)).encode(batch)


CASES = [
    (pa.string(), "Grüße", "Grüße".encode()),
    (pa.binary(), b"\x00\xff", b"\x00\xff"),
    (pa.bool_(), True, word(1)),
    (pa.int8(), -3, word(-3)),
    (pa.int16(), 300, word(300)),
    (pa.int32(), -70_000, word(-70_000)),
    (pa.int64(), 2**62, word(2**62)),
    (pa.float32(), 0.5, struct.pack("<d", 0.5)),
    (pa.float64(), -0.0, struct.pack("<d", 0.0)),
    (pa.decimal128(10, 2), Decimal("12.50"), b"12.5"),
    (pa.decimal128(38, 10), Decimal("-0.0000000001"), b"-0.0000000001"),
    (pa.date32(), dt.date(1970, 1, 3), word(2)),
    (pa.time32("ms"), dt.time(0, 0, 1), word(1000)),
    (pa.timestamp("us"), dt.datetime(1970, 1, 1, 0, 0, 2), word(2000)),
    (pa.timestamp("ms", "UTC"), dt.datetime(1970, 1, 1, 0, 0, 2, tzinfo=dt.UTC), word(2000)),
]


@pytest.mark.parametrize(("type_", "value", "data"), CASES, ids=[str(case[0]) for case in CASES])
def test_an_id_is_xxh64_of_the_value_in_its_vocabulary(type_, value, data):
    # Sliced: what stands before and behind must not be read.
    array = pa.array([None, value, value, None, value], type_).slice(1, 3)
    batch = encode(pa.record_batch([array], ["c"]), hashed=["c"])
    assert batch.ids[:, 0].tolist() == [xx(data, "c"), xx(data, "c"), null("c")]


def test_nan_is_null_and_the_empty_string_is_not():
    batch = pa.record_batch([pa.array([float("nan")]), pa.array([""])], ["f", "s"])
    ids = encode(batch, hashed=["f", "s"]).ids
    assert ids[0].tolist() == [null("f"), xx(b"", "s")]


@given(st.floats(allow_nan=False, width=32))
def test_a_log_bucket(value):
    ids = encode(
        pa.record_batch([pa.array([value], pa.float64())], ["v"]), hashed=[Hashed(column="v", bucket="log")]
    ).ids
    if value > 2:
        bucket = 10 + int(np.floor(np.log(min(value, np.finfo(np.float64).max)) ** 2))
    else:
        bucket = int(np.floor(max(value, -(2.0**63))))
    assert ids[0, 0] == xx(word(bucket), "v")


def test_a_cross_is_the_hash_of_its_parts_ids():
    batch = pa.record_batch([pa.array(["UA"]), pa.array(["EWR"]), pa.array([5])], ["carrier", "origin", "hour"])
    encoded = encode(
        batch, hashed=["carrier", Hashed(column="origin", vocabulary="airport")], crossed=[("carrier", "origin")]
    )
    parts = struct.pack("<QQ", xx(b"UA", "carrier"), xx(b"EWR", "origin"))
    assert encoded.ids[0].tolist() == [xx(b"UA", "carrier"), xx(b"EWR", "airport"), xx(parts, "carrier*origin")]


def test_a_grid_where_no_id_can_repeat():
    batch = pa.record_batch([pa.array(["a", "b"]), pa.array(["a", "b"])], ["x", "y"])
    bag = encode(batch, hashed=["x", "y"]).bag
    assert bag.offsets is None
    assert bag.values is None
    assert bag.width == 2
    assert bag.ids.reshape(2, 2).tolist() == [[xx(v, "x"), xx(v, "y")] for v in (b"a", b"b")]


def test_shared_vocabularies_lists_and_numbers_in_one_bag():
    batch = pa.record_batch(
        [pa.array(["a", "b"]), pa.array([["a", "c", "a"], None]), pa.array([3.0, 0.0])], ["item", "clicked", "price"]
    )
    bag = encode(
        batch,
        hashed=["item", Hashed(column="clicked", vocabulary="item", pooling="mean")],
        dense=[Dense(column="price", transform="log1p")],
    ).bag
    assert bag.offsets is not None
    assert bag.values is not None
    assert bag.offsets.tolist() == [0, 3, 4]
    third = np.float32(1) / np.float32(3)
    assert bag.ids.tolist() == [xx(b"a", "item"), xx(b"c", "item"), xx(b"price", "dense"), xx(b"b", "item")]
    assert bag.values.tolist() == [np.float32(1) + third + third, third, np.float32(np.log1p(3)), 1.0]


words = st.sampled_from(["a", "b", "c", "", "d" * 40])
streams = st.lists(
    st.tuples(words, st.none() | words, st.none() | st.lists(st.none() | words, max_size=70)), max_size=12
)


@given(streams, st.sampled_from(["sum", "mean"]), st.integers(0, 12))
def test_bags_agree_with_dictionaries_however_the_batch_is_cut(stream, pooling, cut):
    columns = list(zip(*stream, strict=True)) if stream else [(), (), ()]
    types = [pa.string(), pa.string(), pa.list_(pa.string())]
    batch = pa.record_batch([pa.array(c, t) for c, t in zip(columns, types, strict=True)], ["x", "y", "l"])
    features = Features(
        hashed=("x", Hashed(column="y", vocabulary="x"), Hashed(column="l", vocabulary="x", pooling=pooling))
    )
    encoder = Encoder(FeatureSpec.of(features, batch.schema))
    got = []
    for piece in (batch.slice(0, cut), batch.slice(cut)):
        bag = encoder.encode(piece).bag
        assert bag.offsets is not None
        assert bag.values is not None
        for begin, end in zip(bag.offsets, bag.offsets[1:], strict=False):
            got.append(dict(zip(bag.ids[begin:end].tolist(), bag.values[begin:end].tolist(), strict=True)))
    expected = []
    for x, y, many in stream:
        row: dict[int, np.float32] = {}
        share = np.float32(1) / np.float32(len(many)) if many and pooling == "mean" else np.float32(1)
        for value, weight in [(x, np.float32(1)), (y, np.float32(1)), *((one, share) for one in many or [])]:
            one = null("x") if value is None else xx(value.encode(), "x")
            row[one] = row.get(one, np.float32(0)) + weight
        expected.append(row)
    assert got == expected


def test_dense_numbers_fill_what_is_missing():
    batch = pa.record_batch([pa.array([None, float("nan"), -3.0])], ["p"])
    dense = encode(batch, dense=[Dense(column="p", fill=2.0, transform="log1p")]).dense
    assert dense[:, 0].tolist() == [np.float32(np.log1p(2))] * 2 + [np.float32(-np.log1p(3))]


def test_an_infinite_number_names_its_row():
    batch = pa.record_batch([pa.array([1.0, float("inf")])], ["p"])
    encoder = Encoder(FeatureSpec.of(Features(dense=("p",)), batch.schema))
    with pytest.raises(DataError, match="inf") as caught:
        encoder.encode(batch)
    assert caught.value.where == "row 2"


def test_event_time_in_milliseconds():
    moments = [dt.datetime(2013, 1, 1, 5, 15), dt.datetime(1969, 12, 31, 23, 59, 59, 999_000)]
    for type_ in (pa.timestamp("us"), pa.timestamp("ms"), pa.timestamp("ns", "UTC")):
        batch = pa.record_batch([pa.array(["a", "b"]), pa.array(moments, type_)], ["x", "ts"])
        encoder = Encoder(FeatureSpec.of(Features(hashed=("x",)), batch.schema))
        assert encoder.encode(batch, "ts").event_time.tolist() == [1_357_017_300_000, -1]


@pytest.mark.parametrize(
    "batch", [pa.record_batch([pa.array([1])], ["x"]), pa.record_batch([pa.array(["a"])], ["y"])], ids=["type", "name"]
)
def test_a_batch_must_have_the_columns_of_the_spec(batch):
    encoder = Encoder(FeatureSpec(features=Features(hashed=("x",)), columns={"x": "STRING"}))
    encoder.encode(pa.record_batch([pa.array([1]), pa.array(["a"])], ["more", "x"]))
    with pytest.raises(SchemaError, match="'x' is not as the features were declared"):
        encoder.encode(batch)


def test_a_column_may_be_an_id_and_a_number():
    batch = pa.record_batch([pa.array([5])], ["x"])
    bag = encode(batch, hashed=["x"], dense=["x"]).bag
    assert bag.ids.tolist() == [xx(word(5), "x"), xx(b"x", "dense")]


@pytest.mark.parametrize(
    ("features", "error", "words"),
    [
        ({"hashed": ["carier"]}, SchemaError, "did you mean 'carrier'"),
        ({"dense": ["carrier"]}, SchemaError, "a number"),
        ({"crossed": [("carrier", "stops")]}, SchemaError, "a scalar"),
        ({"hashed": [Hashed(column="carrier", bucket="log")]}, SchemaError, "a number"),
        ({"hashed": ["nested"]}, SchemaError, "scalar"),
        ({"hashed": ["carrier", "carrier"]}, PipelineError, "twice"),
        ({"hashed": ["n", Hashed(column="n", bucket="log")]}, PipelineError, "twice"),
        ({"crossed": [("carrier", "n"), ("carrier", "n")]}, PipelineError, "twice"),
    ],
)
def test_what_cannot_be_a_feature(features, error, words):
    schema = pa.schema(
        {
            "carrier": pa.string(),
            "n": pa.int32(),
            "stops": pa.list_(pa.string()),
            "nested": pa.struct({"a": pa.int32()}),
        }.items()
    )
    with pytest.raises(error) as caught:
        FeatureSpec.of(Features(**features), schema)
    assert words in str(caught.value)


def test_a_spec_reads_back_from_its_json_and_so_do_its_golden_rows():
    features = Features(
        hashed=("s", Hashed(column="l", vocabulary="s", pooling="mean")),
        crossed=(Crossed(columns=("s", "t")),),
        dense=("n",),
    )
    schema = pa.schema(
        {"s": pa.string(), "l": pa.list_(pa.string()), "t": pa.timestamp("ms", "UTC"), "n": pa.decimal128(8, 2)}.items()
    )
    spec = FeatureSpec.of(features, schema)
    again = FeatureSpec.model_validate_json(spec.model_dump_json())
    assert again == spec
    assert again.arrow() == schema
    assert json.loads(json.dumps(golden(again))) == golden(spec)


def test_rows_from_dicts():
    spec = FeatureSpec(features=Features(hashed=("a", "b")), columns={"a": "STRING", "b": "INT"})
    batch = rows(spec, [{"a": "x", "b": 1, "more": 5}, {"b": None}])
    assert batch.to_pylist() == [{"a": "x", "b": 1}, {"a": None, "b": None}]
    with pytest.raises(DataError, match="'b'"):
        rows(spec, [{"b": "five"}])


@pytest.mark.parametrize(
    ("type_", "values"), [(pa.int32(), [0, 1]), (pa.bool_(), [False, True]), (pa.float64(), [0.0, 1.0])]
)
def test_labels(type_, values):
    batch = pa.record_batch([pa.array(values, type_), pa.array([None, 0.5])], ["late", "w"])
    came_true = truth(batch, [Label(column="late", weight="w")])
    assert came_true.labels.tolist() == [[0.0], [1.0]]
    assert came_true.weights.tolist() == [[1.0], [0.5]]

"""What a column of each type is good for: features, labels, numpy; and docs/types.md, which says so."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from dlonflink.errors import SchemaError
from dlonflink.features.columns import Crossed, Dense, Features, Hashed, Label
from dlonflink.features.encode import Encoder
from dlonflink.features.labels import truth
from dlonflink.features.spec import FeatureSpec
from dlonflink.types import parse
from dlonflink.types.table import LINES
from dlonflink.worker import messages, wire
from dlonflink.worker.batches import Rows

PAGE = Path(__file__).parent.parent / "docs" / "types_table.py"

FIXED = {
    "TINYINT": np.int8,
    "SMALLINT": np.int16,
    "INT": np.int32,
    "BIGINT": np.int64,
    "FLOAT": np.float32,
    "DOUBLE": np.float64,
    "TIMESTAMP(0)": "datetime64[s]",
    "TIMESTAMP(3)": "datetime64[ms]",
    "TIMESTAMP(6)": "datetime64[us]",
    "TIMESTAMP_LTZ(9)": "datetime64[ns]",
    "INTERVAL DAY TO SECOND": "timedelta64[ms]",
}


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("types_table", PAGE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["types_table"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(page: ModuleType) -> None:
    assert page.PAGE.read_text() == page.page(), "run: python docs/types_table.py"


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.flink)
@pytest.mark.parametrize("use", ["hashed", "bucketed", "crossed", "dense"])
def test_a_type_is_a_feature_or_refused_by_name(use: str, line: object, page: ModuleType) -> None:
    """What is accepted is encoded, NULLs and all; the rest is a SchemaError that says column, place and type."""
    type_ = parse(line.instance, column="c")
    batch = pa.record_batch([pa.nulls(3, type_), pa.array(["a", "b", None])], ["c", "other"])
    features = {
        "hashed": Features(hashed=("c",)),
        "bucketed": Features(hashed=(Hashed(column="c", bucket="log"),)),
        "crossed": Features(crossed=(Crossed(columns=("c", "other")),)),
        "dense": Features(dense=(Dense(column="c"),)),
    }[use]
    if page.takes(use, type_):
        assert len(Encoder(FeatureSpec.of(features, batch.schema)).encode(batch)) == 3
        return
    with pytest.raises(SchemaError, match="column 'c' cannot be this feature") as refused:
        FeatureSpec.of(features, batch.schema)
    assert refused.value.where is not None
    assert refused.value.where.startswith("features.")
    assert parse(str(refused.value.got), column="c") == type_


@pytest.mark.parametrize("text", ["INTERVAL DAY", "INTERVAL YEAR", "NULL", "VARIANT", "MULTISET<INT>", "MAP<INT, INT>"])
def test_no_label(text: str) -> None:
    batch = pa.record_batch([pa.nulls(1, parse(text, column="c"))], ["c"])
    with pytest.raises(SchemaError, match="column 'c' is no number"):
        truth(batch, [Label(column="c")])


@pytest.mark.parametrize("text", FIXED)
def test_fixed_width_without_nulls_is_seen_where_it_lies(text: str) -> None:
    """By numpy and pandas, in a batch as the worker takes it from the socket."""
    type_ = parse(text, column="c")
    sent = pa.record_batch([pa.array(range(100), pa.int64()).cast(_stored(type_)).view(type_)], ["c"])
    frame = bytearray(b"".join(wire.encode(messages.Batch(memoryview(sent.serialize())))))
    header = wire.decode_header(frame[: wire.HEADER_BYTES], cap=messages.FRAME_BYTES)
    message = wire.decode(header, memoryview(frame)[wire.HEADER_BYTES :])
    assert isinstance(message, messages.Batch)
    (received,) = Rows(sent.schema).read(message.data)
    batch = received.batch
    bytes_ = np.frombuffer(frame, np.uint8)
    array = batch.column(0).to_numpy(zero_copy_only=True)
    assert array.dtype == FIXED[text]
    assert np.shares_memory(array, bytes_)
    if "LTZ" not in text:  # pandas copies to put the zone on
        assert np.shares_memory(batch.column(0).to_pandas(zero_copy_only=True).to_numpy(), bytes_)


@pytest.mark.parametrize(("text", "dtype"), [("DATE", np.int32), ("TIME(3)", np.int32)])
def test_days_and_times_of_day_are_seen_as_counts(text: str, dtype: type) -> None:
    """Numpy has no such type of 32 bits."""
    array = pa.array(range(9), pa.int32()).view(parse(text, column="c"))
    counts = array.view(pa.int32()).to_numpy(zero_copy_only=True)
    assert counts.dtype == dtype
    assert np.shares_memory(counts, np.frombuffer(array.buffers()[1], np.uint8))


def _stored(type_: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_temporal(type_) else type_

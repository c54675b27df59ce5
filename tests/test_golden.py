"""What Java wrote, read by plain pyarrow; and our own IDs, which no release may change."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from dlonflink.features.columns import Features, Hashed
from dlonflink.features.encode import Encoder
from dlonflink.features.spec import FeatureSpec
from dlonflink.types import column, parse
from golden_values import GOLDEN, shortened, written


def batches() -> tuple[dict[str, Any], list[pa.RecordBatch]]:
    golden = json.loads((GOLDEN / "batch.json").read_text())
    with pa.ipc.open_stream(str(GOLDEN / "batch.arrow")) as stream:
        return golden, list(stream)


def test_every_type_that_java_encodes():
    golden, read = batches()
    assert [len(batch) for batch in read] == [len(rows) for rows in golden["batches"]]
    for batch, rows in zip(read, golden["batches"], strict=True):
        batch.validate(full=True)
        for i, row in enumerate(rows):
            assert {name: shortened(written(batch.column(name)[i])) for name in batch.schema.names} == row


def test_the_two_languages_have_one_table_of_types():
    golden, read = batches()
    for field in read[0].schema:
        assert field.type.equals(parse(golden["columns"][field.name], column=field.name), check_metadata=True)


def vectors() -> list[Any]:
    made = []
    for vector in json.loads((GOLDEN / "hashing.json").read_text()):
        name = "-".join(str(vector[key]) for key in ("vocabulary", "type", "bucket", "value"))
        made.append(pytest.param(vector, id=name.encode("ascii", "replace").decode()[:60]))
    return made


@pytest.mark.parametrize("vector", vectors())
def test_ids_stay_what_they_are(vector):
    type_ = parse(vector["type"], column="c")
    array = column([vector["value"]], type_, name="c")
    features = Features(hashed=(Hashed(column="c", vocabulary=vector["vocabulary"], bucket=vector["bucket"]),))
    batch = pa.record_batch([array], ["c"])
    (one,) = Encoder(FeatureSpec.of(features, batch.schema)).encode(batch).bag.ids.tolist()
    assert f"{one:016x}" == vector["id"]

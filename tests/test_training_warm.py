"""Compiling ahead touches everything but the user's learner."""

from __future__ import annotations

import pyarrow as pa
import pytest

import clicks
from dlonflink.training.warm import likely_schemas, warm

EVERY_TYPE = pa.schema(
    [
        *clicks.SCHEMA,
        ("flag", pa.bool_()),
        ("small", pa.int8()),
        ("real", pa.float32()),
        ("money", pa.decimal128(10, 2)),
        ("bytes", pa.binary()),
        ("day", pa.date32()),
        ("time", pa.time32("ms")),
        ("nanos", pa.timestamp("ns")),
        ("tags", pa.list_(pa.utf8())),
        ("map", pa.map_(pa.utf8(), pa.int64())),
        ("row", pa.struct([("a", pa.int32())])),
    ]
)


@pytest.mark.parametrize("learner", [clicks.LOGISTIC, {"type": ":Raising", "batch": 16, "at": 0}], ids=str)
def test_a_dry_run_works_for_every_type(learner: dict[str, object]) -> None:
    features = {
        "hashed": ["site", "ad", "flag", "small", "real", "money", "bytes", "day", "time", "nanos", "tags"],
        "dense": ["price"],
    }
    warm(clicks.plan(learner, features=features), EVERY_TYPE)


def test_likely_schemas_fit_the_plan() -> None:
    features = {"hashed": ["site", {"column": "ad", "bucket": "log"}], "dense": ["price"]}
    plan = clicks.plan(clicks.LOGISTIC, features=features)
    text, number = likely_schemas(plan)
    assert text.field("site").type == pa.utf8()
    assert number.field("site").type == pa.int64()
    for schema in (text, number):
        assert schema.field("ad").type == pa.int64()
        assert schema.field("price").type == pa.float64()
        warm(plan, schema)

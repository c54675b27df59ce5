"""Compiling ahead touches everything but the user's learner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


NOT_RUN = [
    {"type": ":Raising", "batch": 16, "at": 0},
    {"type": "torch", "module": "nowhere.py:Net"},
]


@pytest.mark.parametrize("learner", [clicks.LOGISTIC, {"type": "deepfm", "dim": 4}, *NOT_RUN], ids=str)
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


def test_nothing_is_compiled_after_it(tmp_path: Path) -> None:
    """In a process with an empty cache; and torch is not loaded for it."""
    code = """
import sys
import clicks
from dlonflink.training.trainer import Trainer
from dlonflink.training.warm import warm
from dlonflink.kernel import cache_directory

plan = clicks.plan({"type": "deepfm", "dim": 4, "hidden": [4], "batch": 16})
warm(plan, clicks.SCHEMA)
assert "torch" not in sys.modules
count = len(list(cache_directory().rglob("*.nbc")))
trainer = Trainer(plan, clicks.SCHEMA, run="", attempt=0)
trainer.feed(clicks.rows(64), 0.0)
assert len(list(cache_directory().rglob("*.nbc"))) == count > 0
"""
    env = dict(os.environ) | {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr

"""A small stream and plans to train on it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dlonflink.training.settings import TrainingPlan

LEARNERS = str(Path(__file__).parent / "batched_learners.py")

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("ts", pa.timestamp("ms", "UTC")),
        ("site", pa.utf8()),
        ("ad", pa.int64()),
        ("price", pa.float64()),
        ("click", pa.int32()),
    ]
)


@cache
def rows(count: int) -> pa.RecordBatch:
    """The first `count` rows of the stream; the label depends on site and ad."""
    rng = np.random.default_rng(7)
    site, ad = rng.integers(0, 9, 5_000), rng.integers(0, 30, 5_000)
    price, chance = rng.exponential(2, 5_000), rng.random(5_000)
    columns = {
        "id": np.arange(5_000),
        "ts": 1_700_000_000_000 + np.arange(5_000) * 1_000,
        "site": [None if one == 0 else f"site{one}" for one in site],
        "ad": ad,
        "price": price,
        "click": (chance < 1 / (1 + np.exp(3 - 0.4 * (site + ad % 5)))).astype(np.int32),
    }
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA).slice(0, count)


def plan(learner: dict[str, Any], **changes: Any) -> TrainingPlan:
    """Deterministic and scored unless `changes` say otherwise. A type that begins with `:` is batched_learners'."""
    kind = learner["type"]
    return TrainingPlan.model_validate(
        {
            "name": "clicks",
            "features": {"hashed": ["site", "ad"], "crossed": [["site", "ad"]], "dense": ["price"]},
            "labels": [{"column": "click"}],
            "event_time": "ts",
            "key": ["id"],
            "learner": {**learner, "type": LEARNERS + kind if kind.startswith(":") else kind},
            "embedding": {"dim": 4},
            "evaluation": {"windows": [100, "5 min"]},
            "export": None,
            "deterministic": True,
            "scored": True,
            "pipeline_digest": "0" * 64,
            **changes,
        }
    )


LOGISTIC = {"type": "logistic"}
FM = {"type": "fm", "dim": 4}
PERCEPTRON = {"type": ":Perceptron", "batch": 16, "rate": 0.2}

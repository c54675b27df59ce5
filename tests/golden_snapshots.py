"""Snapshots of every format that was ever released: `python tests/golden_snapshots.py` adds those of this one.

It writes nothing over: what an earlier release has written is what later ones must read. Each is a pair of files in
contract/golden/snapshots: `<format>-<name>.snapshot.gz`, and `.json` with the plan, and what is true once restored.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import clicks
from dlonflink.training import snapshot
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.trainer import Trainer

FOLDER = Path(__file__).resolve().parent.parent / "contract" / "golden" / "snapshots"

ROWS = 57  # of batches of 16: nine wait
BAD = 3
MORE = 40

LEARNERS: dict[str, dict[str, Any]] = {
    "logistic": clicks.LOGISTIC,
    "fm": {"type": "fm", "dim": 4, "rates": [4.0]},
    "deepfm": {"type": "deepfm", "dim": 4, "hidden": [6], "batch": 16},
    "torch": {"type": "torch", "module": "torch_modules.py:Wide", "args": {"dropout": 0.2}, "batch": 16},
    "custom": {"type": "batched_learners.py:Perceptron", "batch": 16, "rate": 0.2},
}
"""Code of one's own by file alone: pytest has its directory on the path, wherever the checkout lies."""


def plan(name: str) -> TrainingPlan:
    return clicks.plan(
        LEARNERS[name],
        rejects={"to": "/rejects", "max_share": 1.0, "over": 10_000},
        # A histogram of the AUC has 64 KiB: one learner is enough.
        evaluation={"metrics": ["logloss", "auc"] if name == "fm" else ["logloss"], "windows": [25, "30 s"]},
    )


def rows(begin: int, end: int) -> pa.RecordBatch:
    """Of the stream of clicks; the first BAD are bad."""
    batch = clicks.rows(ROWS + MORE)
    labels = batch.column("click").to_numpy().copy()
    labels[:BAD] = 7
    at = batch.schema.get_field_index("click")
    return batch.set_column(at, batch.schema.field(at), pa.array(labels)).slice(begin, end - begin)


def truth_of(trainer: Trainer) -> dict[str, Any]:
    """What the restored state is, and the scores of the rows that come after it."""
    before = {
        "digest": trainer.state_digest(),
        "rows": trainer.rows,
        "held": trainer.held,
        "rejected": trainer.report()["rejected"],
        "metrics": trainer.report()["metrics"],
    }
    scored = trainer.feed(rows(ROWS, ROWS + MORE), 0.0) + trainer.finish()
    scores = np.concatenate([batch.column("score").to_numpy() for batch in scored])
    return {**before, "scores": [round(float(score), 6) for score in scores]}


def write(name: str) -> None:
    file = FOLDER / f"v{snapshot.VERSION}-{name}.snapshot.gz"
    if file.exists():
        return
    trainer = Trainer(plan(name), clicks.SCHEMA, run="golden", attempt=0)
    trainer.feed(rows(0, ROWS), 0.0)
    trainer.version = 5
    data = b"".join(trainer.copy(3).chunks())
    file.write_bytes(gzip.compress(data, mtime=0))
    told = {"plan": plan(name).model_dump(mode="json"), **truth_of(trainer)}
    file.with_name(f"v{snapshot.VERSION}-{name}.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for learner in LEARNERS:
        write(learner)

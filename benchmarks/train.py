"""What Flink costs beside the same learner without it: `scripts/bench train [--json] [--rows N] [--rounds N]`.

For each learner, interleaved in one run: the whole job on embedded Flink from CSV, the local runtime over the same
file, and the bare learner (`kernel`) over the same rows already encoded. For `torch`, a user's module (user_module.py),
there is also `plain`: the same network in a loop that somebody would write without us, over the same rows, encoded
before. Those in batches get a tenth of the rows. Ratios are of medians; both sides are printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

import data
import dlonflink as dlf
import feed
import measure
import user_module
from dlonflink.connectors.local import read
from dlonflink.embedding.tables import Tables
from dlonflink.features.batch import Batch, Truth
from dlonflink.features.encode import Encoder
from dlonflink.features.spec import FeatureSpec
from dlonflink.learners.base import Inputs, Learner
from dlonflink.learners.build import build
from dlonflink.learners.settings import LearnerSettings

LEARNERS: dict[str, LearnerSettings] = {
    "logistic": dlf.Logistic(),
    "fm": dlf.FM(),
    "deepfm": dlf.DeepFM(),
    "torch": dlf.Torch(module=f"{user_module.__file__}:Deep"),
}
MODES = ("flink", "local", "kernel", "plain")
BATCHED_SHARE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--learners", nargs="+", choices=tuple(LEARNERS), default=tuple(LEARNERS))
    parser.add_argument("--kind", choices=("strings", "integers"), default="strings")
    parser.add_argument("--data", type=Path, default=Path(".dlonflink/bench"))
    options = parser.parse_args()
    runs: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(options.rounds):  # interleaved: the machine's speed drifts
        for name in options.learners:
            learner = LEARNERS[name]
            batch = getattr(learner, "batch", None)
            rows = options.rows // BATCHED_SHARE if batch else options.rows
            path = data.make(options.data, options.kind, "csv", rows)
            pipeline = feed.pipeline(options.kind, "csv", path, learner)
            runs.setdefault((name, "flink"), []).append(measure.flink(pipeline))
            runs.setdefault((name, "local"), []).append(measure.local(pipeline))
            runs.setdefault((name, "kernel"), []).append(_kernel(pipeline, rows, batch))
            if isinstance(learner, dlf.Torch):
                runs.setdefault((name, "plain"), []).append(_plain(pipeline, rows, learner.batch))
    table = {
        name: {mode: _median(runs[name, mode]) for mode in MODES if (name, mode) in runs} for name in options.learners
    }
    pairs = (("flink", "local"), ("flink", "kernel"), ("local", "kernel"), ("kernel", "plain"), ("flink", "plain"))
    ratios = {
        name: {
            f"{one}/{other}": modes[one]["rows_per_second"] / modes[other]["rows_per_second"]
            for one, other in pairs
            if other in modes
        }
        for name, modes in table.items()
    }
    if options.json:
        figures = {"bench": "train", "source": f"csv of {options.kind}", "rows": options.rows, "rounds": options.rounds}
        print(json.dumps(figures | {"learners": table, "ratios": ratios}, indent=1))
        return
    for name, modes in table.items():
        for mode, row in modes.items():
            cpu = ""
            if mode == "flink":
                jvm, worker = row["jvm_cpu_s_per_million"], row["worker_cpu_s_per_million"]
                cpu = f"   CPU s per million rows: JVM {jvm:5.2f}  worker {worker:5.2f}"
            print(f"{name:9} {mode:7} {row['rows_per_second']:10,.0f} rows/s{cpu}")
        print(f"{name:9} ratios  " + "  ".join(f"{key} {value:.2f}" for key, value in ratios[name].items()))


def _kernel(pipeline: dlf.Pipeline, rows: int, batch: int | None) -> dict[str, float]:
    """The learner alone."""
    settings = pipeline.learner
    learner: Learner | None = None

    def learn(one: Batch, truth: Truth, encoder: Encoder) -> None:
        nonlocal learner
        if learner is None:
            tables = Tables(pipeline.embedding, settings.seed)
            inputs = Inputs(
                encoder.features, encoder.lists, encoder.dense, len(pipeline.features), 1, tables, settings.seed
            )
            learner = build(settings, inputs)
        learner.learn(one, truth)

    return _timed(pipeline, rows, batch or 4096, learn)


def _plain(pipeline: dlf.Pipeline, rows: int, batch: int) -> dict[str, float]:
    """A loop without us: the module over an nn.Embedding, whose IDs are cut to 2^20 rows, with sparse gradients."""
    loop = user_module.Loop(len(pipeline.features), pipeline.embedding.dim)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as ours
    try:
        return _timed(pipeline, rows, batch, lambda one, truth, _: loop.learn(one.ids, truth.labels))
    finally:
        torch.set_num_threads(before)


def _timed(
    pipeline: dlf.Pipeline, rows: int, batch: int, learn: Callable[[Batch, Truth, Encoder], None]
) -> dict[str, float]:
    """Encoding goes on between the timed calls, so that memory stays small."""
    seconds, steady_rows, seen = 0.0, 0, 0
    for one, truth, encoder in _encoded(pipeline, batch):
        start = time.perf_counter()
        learn(one, truth, encoder)
        passed = time.perf_counter() - start
        seen += len(one)
        if seen > rows * measure.STEADY_FROM:
            seconds, steady_rows = seconds + passed, steady_rows + len(one)
    return {"rows": seen, "rows_per_second": steady_rows / seconds}


def _encoded(pipeline: dlf.Pipeline, batch_rows: int) -> Iterator[tuple[Batch, Truth, Encoder]]:
    columns = (*pipeline.features.columns(), "label")
    encoder = None
    for rows in read(pipeline.source, columns, batch_rows=batch_rows):
        encoder = encoder or Encoder(FeatureSpec.of(pipeline.features, rows.schema))
        label = rows.column("label").cast(pa.float32()).to_numpy(zero_copy_only=False)[:, None]
        yield encoder.encode(rows), Truth(label, np.ones_like(label)), encoder


def _median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


if __name__ == "__main__":
    main()

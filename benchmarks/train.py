"""What Flink costs beside the same learner without it: `scripts/bench train [--json] [--rows N] [--rounds N]`.

For logistic and fm, interleaved in one run: the whole job on embedded Flink from CSV, the local runtime over the same
file, and the bare kernel over the same rows already encoded. Ratios are of medians; both sides are printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

import data
import dlonflink as dlf
import feed
import measure
from dlonflink.connectors.local import read
from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.features.batch import Batch, Truth
from dlonflink.features.encode import Encoder
from dlonflink.features.spec import FeatureSpec
from dlonflink.learners.base import Inputs
from dlonflink.learners.build import build

LEARNERS: dict[str, dlf.Logistic | dlf.FM] = {"logistic": dlf.Logistic(), "fm": dlf.FM()}
MODES = ("flink", "local", "kernel")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--kind", choices=("strings", "integers"), default="strings")
    parser.add_argument("--data", type=Path, default=Path(".dlonflink/bench"))
    options = parser.parse_args()
    path = data.make(options.data, options.kind, "csv", options.rows)
    runs: dict[tuple[str, str], list[dict[str, float]]] = {(name, mode): [] for name in LEARNERS for mode in MODES}
    for _ in range(options.rounds):  # interleaved: the machine's speed drifts
        for name, learner in LEARNERS.items():
            pipeline = feed.pipeline(options.kind, "csv", path, learner)
            runs[name, "flink"].append(measure.flink(pipeline))
            runs[name, "local"].append(measure.local(pipeline))
            runs[name, "kernel"].append(_kernel(pipeline, learner, options.rows))
    table = {name: {mode: _median(runs[name, mode]) for mode in MODES} for name in LEARNERS}
    ratios = {
        name: {
            f"{slow}/{fast}": modes[slow]["rows_per_second"] / modes[fast]["rows_per_second"]
            for slow, fast in (("flink", "local"), ("flink", "kernel"), ("local", "kernel"))
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


def _kernel(pipeline: dlf.Pipeline, settings: dlf.Logistic | dlf.FM, rows: int) -> dict[str, float]:
    """The learner alone. Encoding goes on between the timed calls, so that memory stays small."""
    labels: list[float] = []
    seconds, steady_rows = 0.0, 0
    learner = None
    seen = 0
    for batch, truth, encoder in _encoded(pipeline):
        if learner is None:
            tables = Tables(Embedding(), settings.seed)
            inputs = Inputs(
                encoder.features, encoder.lists, encoder.dense, len(pipeline.features), 1, tables, settings.seed
            )
            learner = build(settings, inputs)
        start = time.perf_counter()
        scores = learner.learn(batch, truth)
        passed = time.perf_counter() - start
        labels.append(float(scores[0, 0]))
        seen += len(batch)
        if seen > rows * measure.STEADY_FROM:
            seconds, steady_rows = seconds + passed, steady_rows + len(batch)
    return {"rows": seen, "rows_per_second": steady_rows / seconds}


def _encoded(pipeline: dlf.Pipeline) -> Iterator[tuple[Batch, Truth, Encoder]]:
    columns = (*pipeline.features.columns(), "label")
    encoder = None
    for rows in read(pipeline.source, columns, batch_rows=4096):
        encoder = encoder or Encoder(FeatureSpec.of(pipeline.features, rows.schema))
        label = rows.column("label").cast(pa.float32()).to_numpy(zero_copy_only=False)[:, None]
        yield encoder.encode(rows), Truth(label, np.ones_like(label)), encoder


def _median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


if __name__ == "__main__":
    main()

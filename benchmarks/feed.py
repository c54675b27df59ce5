"""How fast rows come from Flink to a learner that does nothing: `scripts/bench feed [--json] [--rows N] [--rounds N]`.

The whole job on embedded Flink, one source, 39 feature columns and a label, checkpoints every 10 s: read, parse, encode
to Arrow, cross to the worker, hash, score, evaluate. What it costs is the price of the way, by source format. Of arrow,
batches of 4,096 rows pass unopened, and the worker checks and hashes all of their columns.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import data
import dlonflink as dlf
import measure
from dlonflink.learners.settings import LearnerSettings

CASES = (
    ("strings", "csv"),
    ("strings", "arrow"),
    ("integers", "csv"),
    ("integers", "arrow"),
    ("strings", "jsonl"),
)
TIMES = {"arrow": 4, "csv": 3}
"""How often a file is read in one run, under several names: reports come once a second, and a rate needs several."""


def pipeline(kind: str, text: str, path: Path, learner: LearnerSettings, times: int = 1) -> dlf.Pipeline:
    paths = tuple(str(data.again(path, k)) for k in range(times))
    return dlf.Pipeline(
        name="bench",
        source=dlf.FileSource(paths=paths, format=text, columns=data.columns(kind)),
        features=dlf.Features(hashed=tuple(data.features())),
        label="label",
        learner=learner,
        evaluation=dlf.Evaluation(windows=()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path(".dlonflink/bench"))
    options = parser.parse_args()
    learner = dlf.Custom(type=f"{Path(__file__).parent / 'null_learner.py'}:Null")
    paths = {case: data.make(options.data, *case, rows=options.rows) for case in CASES}
    rounds: dict[tuple[str, str], list[dict[str, float]]] = {case: [] for case in CASES}
    for _ in range(options.rounds):  # interleaved: the machine's speed drifts
        for case in CASES:
            rounds[case].append(measure.flink(pipeline(*case, paths[case], learner, TIMES.get(case[1], 1))))
    table = {f"{text} of {kind}": _median(rounds[kind, text]) for kind, text in CASES}
    if options.json:
        print(json.dumps({"bench": "feed", "rows": options.rows, "rounds": options.rounds, "cases": table}, indent=1))
        return
    for name, row in table.items():
        print(
            f"{name:18} {row['rows_per_second']:10,.0f} rows/s   CPU s per million rows: "
            f"JVM {row['jvm_cpu_s_per_million']:5.2f}  worker {row['worker_cpu_s_per_million']:5.2f}"
        )


def _median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


if __name__ == "__main__":
    main()

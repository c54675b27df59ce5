"""One pass, defaults alone: `scripts/bench quality --data DIR [--json] [--on flink|local]`.

DIR holds criteo/criteo_dac80k.parquet (the Kaggle display advertising sample: 80,000 rows in time order, `I1..I13`, and
hashed IDs `I1_h..I13_h`, `C1_h..C26_h`). Its terms forbid shipping it. Flights come from the extra `demo`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Literal

import pyarrow.csv as pc
import pyarrow.parquet as pq

import dlonflink as dlf
from dlonflink.demo.flights import pipeline as flights
from dlonflink.learners.settings import LearnerSettings

NUMBERS = [f"I{i}" for i in range(1, 14)]
CATEGORIES = [f"C{i}_h" for i in range(1, 27)]
BOUNDS = {  # least AUC, most log loss
    "criteo, ready hashes": {"logistic": (0.759, 0.4527), "deepfm": (0.758, 0.4530)},
    "criteo, log buckets": {"logistic": (0.7612, 0.4515), "fm": (0.7617, 0.4510), "deepfm": (0.7622, 0.4510)},
    "criteo, log buckets, I5 empty": {},
    "flights": {"logistic": (0.7795, 0.454), "fm": (0.782, 0.4505), "deepfm": (0.782, 0.4515)},
}


LEARNERS: dict[Literal["logistic", "fm", "deepfm"], LearnerSettings] = {
    "logistic": dlf.Logistic(),
    "fm": dlf.FM(),
    "deepfm": dlf.DeepFM(),
}


def criteo(directory: Path, features: dlf.Features, learner: LearnerSettings) -> dlf.Pipeline:
    hashes = [f"{name}_h" for name in NUMBERS] + CATEGORIES
    path = Path(".dlonflink/bench/criteo.csv")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pq.read_table(directory / "criteo" / "criteo_dac80k.parquet").sort_by("row")
        pc.write_csv(table.select(["label", *NUMBERS, *hashes]), path, pc.WriteOptions(quoting_style="none"))
    columns = {"label": "INT", **dict.fromkeys(NUMBERS, "DOUBLE"), **dict.fromkeys(hashes, "BIGINT")}
    return dlf.Pipeline(
        name="quality",
        source=dlf.FileSource(paths=(str(path),), format="csv", columns=columns),
        features=features,
        label="label",
        learner=learner,
    )


def pipelines(directory: Path) -> dict[tuple[str, str], dlf.Pipeline]:
    ready = dlf.Features(hashed=tuple([f"{name}_h" for name in NUMBERS] + CATEGORIES))
    numbers = [dlf.Hashed(column=name, bucket="log") for name in NUMBERS]
    naive = dlf.Features(hashed=(*numbers, *CATEGORIES))
    # The sample has no number in I5, only its hash: that stands in, or one of 39 columns would say nothing.
    buckets = dlf.Features(hashed=(*(n if n.column != "I5" else "I5_h" for n in numbers), *CATEGORIES))
    found: dict[tuple[str, str], dlf.Pipeline] = {}
    for name, learner in LEARNERS.items():
        found["criteo, ready hashes", name] = criteo(directory, ready, learner)
        found["criteo, log buckets", name] = criteo(directory, buckets, learner)
        found["criteo, log buckets, I5 empty", name] = criteo(directory, naive, learner)
        found["flights", name] = flights(name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--on", choices=("flink", "local"), default="flink")
    options = parser.parse_args()
    table: list[dict[str, object]] = []
    for (stream, learner), pipeline in pipelines(options.data).items():
        metrics = dlf.run(pipeline, on=options.on, fresh=True).metrics
        auc_least, logloss_most = BOUNDS[stream].get(learner, (None, None))
        row = {"stream": stream, "learner": learner, "auc": metrics["auc"], "logloss": metrics["logloss"]}
        table.append(row | {"auc_least": auc_least, "logloss_most": logloss_most})
        if not options.json:
            bound = f"   bound {auc_least} / {logloss_most}" if auc_least else ""
            print(
                f"{stream:29} {learner:9} AUC {metrics['auc']:.5f}  log loss {metrics['logloss']:.5f}{bound}",
                flush=True,
            )
    if options.json:
        print(json.dumps({"bench": "quality", "on": options.on, "streams": table}, indent=1))


if __name__ == "__main__":
    main()

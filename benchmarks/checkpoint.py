"""What checkpoints cost: `scripts/bench checkpoint [--json] [--quick] [--rounds N] [--rows N]`.

1. *The longest pause of the stream*, the worker's trainer alone (`--quick`: nothing else): for tables of 10^5, 10^6 and
   10^7 IDs, the longest time from one batch of 4,096 rows to the next, without a checkpoint and while one is taken and
   read by another thread, as the worker does it. IDs are drawn evenly, the worst case, for every batch then writes rows
   that were not copied yet. The first checkpoint is apart: later ones find their memory used before.
2. *Rows a second* of `fm` on embedded Flink, IDs Zipf-like, with a checkpoint every second, every 10 s, and none, for
   tables of 10^5 and 10^7 IDs, interleaved. Steady rates (measure.py).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

import data
import dlonflink as dlf
import measure
from dlonflink.pipeline.plan import training_plan
from dlonflink.training.state import Copy
from dlonflink.training.trainer import Trainer

PAUSES = (10**5, 10**6, 10**7)
RATES = (10**5, 10**7)
INTERVALS = {"none": "1 h", "10 s": "10 s", "1 s": "1 s"}
CHECKPOINTS = 4
BATCH = data.BATCH_ROWS
BETWEEN = 20  # batches between checkpoints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="pauses alone, without Flink")
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path(".dlonflink/bench"))
    options = parser.parse_args()
    pauses = {f"{ids:.0e}": _pauses(ids) for ids in PAUSES}
    rates = {} if options.quick else _rates(options.data, options.rows, options.rounds)
    if options.json:
        figures = {"bench": "checkpoint", "rows": options.rows, "rounds": options.rounds, "batch_rows": BATCH}
        print(json.dumps(figures | {"pauses_ms": pauses, "rows_per_second": rates}, indent=1))
        return
    for ids, row in pauses.items():
        for what, value in row.items():
            print(f"{ids} IDs   {what:30} {value:8,.1f} ms")
    for ids, row in rates.items():
        none = row["none"]["rows_per_second"]
        for interval, figures in row.items():
            rate = figures["rows_per_second"]
            print(
                f"{ids} IDs   {interval:5} {rate:10,.0f} rows/s   {rate / none:.2f} of none   {figures['checkpoints']}"
            )


def _pauses(ids: int) -> dict[str, float]:
    """Milliseconds. `CPU`: of the learning thread alone, which says more where other processes want the cores too."""
    pipeline = _pipeline((), "1 h")
    rng = np.random.default_rng(1)
    first = _batch(rng, ids, np.arange(1))
    trainer = Trainer(training_plan(pipeline, description=""), first.schema, run="bench", attempt=0)
    trainer.expect_copies()
    for start in range(0, ids // data.COLUMNS, BATCH):
        trainer.feed(_batch(rng, ids, np.arange(start, min(start + BATCH, ids // data.COLUMNS))), 0.0)
    batches = [_batch(rng, ids) for _ in range(64)]
    alone = [_step(trainer, batches[i % 64]) for i in range(64)]
    barriers: list[_Time] = []
    during: list[list[_Time]] = []
    for _ in range(CHECKPOINTS):
        begun = _now()
        copy = trainer.copy(1)
        barriers.append(_now() - begun)
        reader = threading.Thread(target=_read, args=(copy,))
        del copy
        reader.start()
        steps = [barriers[-1] + _step(trainer, batches[0])]
        while reader.is_alive() or len(steps) < BETWEEN:
            steps.append(_step(trainer, batches[len(steps) % 64]))
        during.append(steps)
    later = [step for steps in during[1:] for step in steps]
    times = {
        "batch alone, median": np.median(alone, axis=0),
        "batch alone, longest": np.max(alone, axis=0),
        "barrier, longest": np.max(barriers, axis=0),
        "batch during, median": np.median(later, axis=0),
        "pause, first checkpoint": np.max(during[0], axis=0),
        "pause, later": np.max(later, axis=0),
    }
    return {f"{name}{kind}": ms for name, both in times.items() for kind, ms in zip(("", ", CPU"), both, strict=True)}


_Time = np.ndarray
"""Wall and CPU, milliseconds."""


def _now() -> _Time:
    return np.array([time.perf_counter(), time.thread_time()]) * 1000


def _step(trainer: Trainer, batch: pa.RecordBatch) -> _Time:
    begun = _now()
    trainer.feed(batch, 0.0)
    trainer.sweep()
    return _now() - begun


def _read(copy: Copy) -> None:
    digest = hashlib.sha256()
    for chunk in copy.chunks():
        digest.update(chunk)


def _rates(directory: Path, rows: int, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    runs: dict[tuple[int, str], list[dict[str, float]]] = {}
    for _ in range(rounds):  # interleaved: the machine's speed drifts
        for ids in RATES:
            paths = _files(directory, ids, rows)
            for interval, every in INTERVALS.items():
                runs.setdefault((ids, interval), []).append(measure.flink(_pipeline(paths, every)))
    return {
        f"{ids:.0e}": {
            interval: {
                key: statistics.median(run[key] for run in runs[ids, interval]) for key in runs[ids, interval][0]
            }
            for interval in INTERVALS
        }
        for ids in RATES
    }


def _pipeline(paths: tuple[str, ...], every: str) -> dlf.Pipeline:
    return dlf.Pipeline(
        name="bench",
        source=dlf.FileSource(paths=paths or ("none",), format="arrow", columns=data.columns("integers")),
        features=dlf.Features(hashed=tuple(data.features())),
        label="label",
        learner=dlf.FM(),
        evaluation=dlf.Evaluation(windows=()),
        checkpoint=dlf.Checkpoint(every=every),
    )


def _files(directory: Path, ids: int, rows: int) -> tuple[str, ...]:
    """Each ID once, then `rows` rows of them."""
    path = directory / f"table-{ids}-{rows}.arrow"
    rng = np.random.default_rng(7)
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        every = ids // data.COLUMNS
        with pa.ipc.new_file(str(temporary), _batch(rng, ids, np.arange(1)).schema) as writer:
            for start in range(0, every, BATCH):
                writer.write_batch(_batch(rng, ids, np.arange(start, min(start + BATCH, every))))
            for _ in range(0, min(rows, 1_000_000), BATCH):
                writer.write_batch(_batch(rng, ids, zipf=True))
        temporary.rename(path)
    return tuple(str(data.again(path, k)) for k in range(-(-rows // 1_000_000)))


def _batch(
    rng: np.random.Generator, ids: int, ranks: np.ndarray | None = None, *, zipf: bool = False
) -> pa.RecordBatch:
    """Row r has the IDs of `ranks[r]` in all columns; without ranks they are drawn, for each column."""
    most = ids // data.COLUMNS
    size = BATCH if ranks is None else len(ranks)
    arrays = [pa.array((rng.random(size) < 0.25).astype(np.int32))]
    for column in range(data.COLUMNS):
        drawn = np.exp(rng.random(size) * np.log(most)).astype(np.int64) if zipf else rng.integers(0, most, size)
        numbers = drawn if ranks is None else ranks
        arrays.append(pa.array(numbers * 8_796_093_022_207 + column))
    return pa.RecordBatch.from_arrays(arrays, names=["label", *data.features()])


if __name__ == "__main__":
    main()

"""Rates of one run: rows, wall time, and the CPU time of the JVM and of the worker, over the steady part."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import psutil

import dlonflink as dlf

STEADY_FROM = 0.4  # the first 40 % of the rows are start-up: the JVM's compiler, growing tables


@dataclass(frozen=True)
class Sample:
    at: float
    rows: int
    jvm: float
    worker: float


def flink(pipeline: dlf.Pipeline) -> dict[str, float]:
    """Runs on embedded Flink. rows_per_second is steady; CPU seconds are per million rows of the steady part."""
    samples: list[Sample] = []
    done = threading.Event()
    with dlf.start(pipeline, on="flink", fresh=True) as job:
        for progress in job.progress(every="500 ms"):
            jvm, worker = _cpu()
            samples.append(Sample(time.perf_counter(), progress.rows, jvm, worker))
        done.set()
        summary = job.wait()
    return _steady(samples, summary.rows) | {
        "rows": summary.rows,
        "job_rows_per_second": summary.rows_per_second,
        "checkpoints": summary.checkpoints,
    }


def local(pipeline: dlf.Pipeline) -> dict[str, float]:
    summary = dlf.run(pipeline, on="local", fresh=True)
    return {"rows": summary.rows, "rows_per_second": summary.steady_rows_per_second}


def _cpu() -> tuple[float, float]:
    jvm = worker = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            command = " ".join(child.cmdline())
            times = child.cpu_times()
        except psutil.Error:
            continue
        if "dlonflink.worker" in command and "--compile" not in command:
            worker = times.user + times.system
        elif "org.dlonflink.Main" in command:
            jvm = times.user + times.system
    return jvm, worker


def _steady(samples: list[Sample], rows: int) -> dict[str, float]:
    moving = [sample for sample in samples if sample.worker > 0 and sample.rows > 0]
    distinct = [
        now for before, now in zip([None, *moving], moving, strict=False) if not before or now.rows > before.rows
    ]
    late = [sample for sample in distinct if sample.rows >= rows * STEADY_FROM]
    if len(late) < 2:
        raise SystemExit(f"too few rows for a steady rate ({len(distinct)} samples): give more with --rows")
    first, last = late[0], late[-1]
    passed, seconds = last.rows - first.rows, last.at - first.at
    return {
        "rows_per_second": passed / seconds,
        "jvm_cpu_s_per_million": (last.jvm - first.jvm) / passed * 1e6,
        "worker_cpu_s_per_million": (last.worker - first.worker) / passed * 1e6,
    }

"""Every fault, again and again, as a table: `scripts/test --faults [--seeds N] [--only NAME]`.

    fault, runs, lost, twice, bit-equal, recovery p50 and p95 in seconds: from the fault to the first row learned again

Ends with 1 where a row was lost or learned twice, where a run's result is another than the undisturbed run's, or where
a run failed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dlonflink.testing.faults import Outcome
from faults import cluster, ends, parallel, worker
from faults.case import Case, Clusters, Fault

_FAULTS = {**worker.FAULTS, **parallel.FAULTS, **cluster.FAULTS, **ends.FAULTS}
_LONGEST = 400
"""Seconds of a run, which takes 30 on two quiet cores; one that hangs has failed."""
_HEAD = f"{'fault':<24}{'runs':>6}{'lost':>6}{'twice':>7}{'bit-equal':>11}{'p50':>8}{'p95':>8}  failed"


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="scripts/test --faults", allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=20, help="runs of each fault (20)")
    parser.add_argument("--only", default="", help="the fault of this name, or all whose name begins so")
    given = parser.parse_args()
    chosen = {name: fault for name, fault in _FAULTS.items() if name.startswith(given.only)}
    if given.only in chosen:
        chosen = {given.only: chosen[given.only]}
    if not chosen:
        parser.error(f"no fault begins with {given.only!r}; there are: {', '.join(_FAULTS)}")
    signal.signal(signal.SIGALRM, _hangs)
    clusters = Clusters()
    good = True
    try:
        print(_HEAD, flush=True)
        for name, fault in chosen.items():
            outcomes = [_run(name, fault, seed, clusters) for seed in range(given.seeds)]
            good &= _tell(name, outcomes)
    finally:
        clusters.close()
    return 0 if good else 1


def _hangs(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TimeoutError(f"not over after {_LONGEST} s")


def _run(name: str, fault: Fault, seed: int, clusters: Clusters) -> Outcome | None:
    """None where it failed; then, and where a row was lost or learned twice, its folder is kept."""
    folder = Path(tempfile.mkdtemp(prefix=f"dlf-{name}-{seed}-"))
    case = Case(f"{name}-{seed}", folder, random.Random(f"{name} {seed}"), clusters)
    os.environ["DLONFLINK_HOME"] = str(case.home)
    signal.alarm(_LONGEST)
    try:
        outcome = fault(case)
    except Exception:  # noqa: BLE001 - whatever it is, the other runs count
        print(f"{name}, seed {seed}, {folder}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
        return None
    finally:
        signal.alarm(0)
    if outcome.bit_equal and outcome.lost == outcome.twice == 0:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"{name}, seed {seed}, {folder}: {outcome}", file=sys.stderr, flush=True)
    return outcome


def _tell(name: str, outcomes: list[Outcome | None]) -> bool:
    """Prints the fault's line; whether nothing is wrong with it."""
    done = [one for one in outcomes if one is not None]
    lost, twice = sum(one.lost for one in done), sum(one.twice for one in done)
    equal, failed = sum(one.bit_equal for one in done), len(outcomes) - len(done)
    seconds = sorted(second for one in done for second in one.recovery)
    p50, p95 = (
        f"{seconds[min(len(seconds) * at // 100, len(seconds) - 1)]:.1f}" if seconds else "-" for at in (50, 95)
    )
    print(
        f"{name:<24}{len(outcomes):>6}{lost:>6}{twice:>7}{equal:>8}/{len(done)}{p50:>8}{p95:>8}  {failed}", flush=True
    )
    return lost == twice == failed == 0 and equal == len(done)


if __name__ == "__main__":
    sys.exit(main())

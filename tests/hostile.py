"""Runs hostile bytes against Python's readers: `python hostile.py SEED FIRST PROGRESS TARGET=COUNT ...`, as a child of
test_fuzz, so that a native crash is seen.

Each mutant ends in an answer that reads the same again, or in an error of ours with a reason. Prints a line of JSON for
each target; what is found goes to stderr, with the words to see it again. PROGRESS holds the mutant under way, for a
crash leaves no word.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import random
import resource
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from dlonflink.embedding.local import LocalTable
from dlonflink.errors import DLOnFlinkError
from hostile_targets import TARGETS, CutError

CPU_SECONDS = 1.0
"""Of one mutant, in its own processor time: a busy machine proves nothing."""
HANG_SECONDS = 60
"""For what waits instead: then the child ends, and says where it stood."""
ADDRESS_SPACE = 1 << 30
RESIDENT = 256 << 20
"""What all mutants together may take beyond what was there before: a length that is believed takes more."""
ERROR_LINES, ERROR_CHARACTERS = 10, 5_000


def main() -> int:
    # A table takes all the address space that it gets: of a small one the rest is left for what is not to be taken.
    LocalTable.__init__.__kwdefaults__["capacity"] = 2**14
    seed, first, progress = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    progress.write_bytes(bytes(64))
    with progress.open("r+b") as file, mmap.mmap(file.fileno(), 64) as under_way:
        for argument in sys.argv[4:]:
            name, _, count = argument.partition("=")
            if not attack(name, seed, range(first, first + int(count)), under_way):
                return 1
    return 0


def attack(name: str, seed: int, indices: range, under_way: mmap.mmap) -> bool:
    """Whether nothing was found."""
    target = TARGETS[name]()
    target.calm()
    before = resident()
    with_room(ADDRESS_SPACE)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for index in indices:
        under_way[:] = f"{name} {index}".encode().ljust(64)
        if index % 256 == 0:
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        begun = time.thread_time()
        try:
            target.attack(random.Random(seed << 40 | index))
            outcome = "accepted"
        except DLOnFlinkError as error:
            outcome = error.code
            if str(error).count("\n") >= ERROR_LINES or len(str(error)) > ERROR_CHARACTERS:
                return found(name, seed, index, f"an error that nobody reads:\n{str(error)[:2_000]}")
        except CutError:
            outcome = "cut"
        except BaseException:  # noqa: BLE001 - Rust's panics are no Exception
            return found(name, seed, index, traceback.format_exc()[-6_000:])
        outcomes[outcome] += 1
        took = time.thread_time() - begun
        slowest = max(slowest, took)
        if took > CPU_SECONDS:
            return found(name, seed, index, f"it took {took:.1f} s")
    faulthandler.cancel_dump_traceback_later()
    grown = resident() - before
    if grown > RESIDENT:
        return found(name, seed, indices[-1], f"the process has grown by {grown >> 20} MiB")
    told = {"target": name, "mutants": len(indices), "slowest_ms": round(slowest * 1e3), "grown_mib": grown >> 20}
    print(json.dumps({**told, "outcomes": dict(outcomes)}), flush=True)
    return True


def found(name: str, seed: int, index: int, what: str) -> bool:
    sys.stderr.write(f"seed {seed}, {name}, mutant {index}: {what}\n")
    sys.stderr.write(f"again: cd tests && ../.venv/bin/python hostile.py {seed} {index} /tmp/progress {name}=1\n")
    return False


def resident() -> int:
    """Bytes, at the highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def with_room(more: int) -> None:
    """From here on, so much more address space and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, resource.RLIM_INFINITY))


if __name__ == "__main__":
    sys.exit(main())

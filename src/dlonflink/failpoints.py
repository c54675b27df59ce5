"""Named points where a test makes a real failure happen; nothing unless the environment says so.

    DLONFLINK_FAILPOINTS="store.write=ENOSPC, learner.learn=kill@20*3"
    DLONFLINK_FAILPOINTS_DIR=/tmp/fired

An entry is `point=action`: whenever a process reaches the point. `@n`: only at the n-th time that a process does.
`*k`: k times in all, whatever is restarted in between; each leaves a file `point=action-0`, `point=action-1`, ... in
the folder, whose content is the time.

Actions: the name of an errno (that OSError), and those of `_ACTIONS`. FailPoints.java reads the same entries.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

VARIABLE = "DLONFLINK_FAILPOINTS"
FOLDER = "DLONFLINK_FAILPOINTS_DIR"

_PRINTED = 100 << 20
_SLOWLY = 0.1
_times: Counter[str] = Counter()
_rehearsing = False


def reach(point: str) -> None:
    """Does what the environment has armed `point` with, if anything; may not return."""
    armed = os.environ.get(VARIABLE)
    if not armed or _rehearsing:
        return
    _times[point] += 1
    for entry in _entries(armed):
        if entry.point == point and entry.at in (None, _times[point]) and _claim(entry):
            _act(entry)


@contextmanager
def rehearsing() -> Generator[None]:
    """Within, no point of this process is reached: what runs is the code of a run, but no run."""
    global _rehearsing  # noqa: PLW0603 - of the process, as the environment is
    _rehearsing = True
    try:
        yield
    finally:
        _rehearsing = False


@dataclass(frozen=True)
class _Entry:
    point: str
    action: str
    at: int | None
    total: int | None


def _entries(armed: str) -> Iterator[_Entry]:
    for text in armed.split(","):
        point, _, what = text.strip().partition("=")
        what, _, total = what.partition("*")
        action, _, at = what.partition("@")
        yield _Entry(point, action, int(at) if at else None, int(total) if total else None)


def _claim(entry: _Entry) -> bool:
    """Whether it may fire once more: whoever makes the file has the right to."""
    if entry.total is None:
        return True
    folder = Path(os.environ[FOLDER])
    for number in range(entry.total):
        try:
            with (folder / f"{entry.point}={entry.action}-{number}").open("x") as file:
                file.write(str(time.time()))
        except FileExistsError:
            continue
        return True
    return False


def _act(entry: _Entry) -> None:
    action = _ACTIONS.get(entry.action)
    if action is not None:
        return action()
    number = getattr(errno, entry.action)
    raise OSError(number, os.strerror(number), entry.point)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise() -> NoReturn:
    raise RuntimeError("a failpoint")


def _exit() -> NoReturn:
    sys.exit(0)


def _loop() -> NoReturn:
    while True:
        pass


def _print() -> None:
    line = "x" * 1023 + "\n"
    for _ in range(_PRINTED // len(line)):
        sys.stdout.write(line)


def _slow() -> None:
    time.sleep(_SLOWLY)


def _note() -> None:
    """Nothing but the file that a firing leaves: when something happened."""


def _fork() -> None:
    """A child that keeps whatever it inherits."""
    if os.fork() == 0:
        while True:
            time.sleep(3600)


_ACTIONS: Mapping[str, Callable[[], None]] = {
    "kill": _kill,
    "stop": _stop,
    "raise": _raise,
    "exit": _exit,
    "loop": _loop,
    "print": _print,
    "fork": _fork,
    "slow": _slow,
    "note": _note,
}

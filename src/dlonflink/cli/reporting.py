"""How a failure reaches a person: at most ten lines on stderr, and an exit code."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import typer

from dlonflink.errors import DLOnFlinkError, PipelineError, SchemaError

_LINES = 10
_WIDTH = 300


@contextmanager
def reporting(debug: bool) -> Generator[None]:
    """Prints our errors and exits: 2 for what was refused before it ran, 1 for the rest, 130 and 143 for signals.

    `debug` adds every stack, the worker's and Java's too.
    """
    with _termination():
        try:
            yield
        except DLOnFlinkError as error:
            _print(error, debug)
            raise typer.Exit(2 if isinstance(error, PipelineError | SchemaError) else 1) from None
        except _Terminated:
            raise typer.Exit(128 + signal.SIGTERM) from None
        except KeyboardInterrupt:
            # Whoever is in a hurry presses it again: what is left to do takes no time, and must not end in a stack.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise typer.Exit(128 + signal.SIGINT) from None
        except BrokenPipeError:
            # The reader of our output is gone (`| head`); nothing is wrong. Python would complain at exit.
            sys.stdout = None
            raise typer.Exit(0) from None


class _Terminated(KeyboardInterrupt):
    """SIGTERM, taken the way Ctrl-C is: blocks are left in order, so that nothing keeps running."""


@contextmanager
def _termination() -> Generator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(error: DLOnFlinkError, debug: bool) -> None:
    lines = f"error[{error.code}]: {error}".splitlines()
    # What happened may be long (somebody's exception); the place and the way out come last, and must be seen.
    told = len(error.what.splitlines())
    room = _LINES - (len(lines) - told)
    for line in [*lines[: min(told, room)], *lines[told:]][:_LINES]:
        print(line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "...", file=sys.stderr)
    if debug:
        traceback.print_exception(error)
        if error.trace:
            print(error.trace, file=sys.stderr)

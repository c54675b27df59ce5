"""From what Java or the worker's interpreter said to one of our errors; the only place that reads their words.

The rules are in `causes`. What none of them knows becomes a JobError with the root cause's first line and the place of
the log.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlonflink import errors
from dlonflink.connectors.ddl import VIEW
from dlonflink.errors import (
    CorruptionError,
    DLOnFlinkError,
    JobError,
    PipelineError,
    SetupError,
    SqlError,
    WorkerError,
    short,
)
from dlonflink.runtime.causes import known
from dlonflink.worker.stack import dumped, place

_LINE = re.compile(r"line (\d+), column (\d+)")
_VIEW = re.compile(rf"CREATE TEMPORARY VIEW `{VIEW}` AS (.*)")
"""The statement that holds source.query, as Java shows it: on one line."""
_REPORTED = "dlonflink-error: "
"""Before the JSON of an error of ours in an exception's message; the event has it parsed."""
_MISSING = re.compile(r"ModuleNotFoundError: No module named '(?P<name>[^']+)'")


def explain(event: Mapping[str, Any], log: Path, report: Mapping[str, Any] | None = None) -> DLOnFlinkError:
    """The error of Main's `failed` event; `log` is Flink's log file, `report` the worker's last. The error's `trace`
    holds Java's stack.
    """
    stack = str(event.get("stack") or "") or None
    reported: Mapping[str, object] | None = event.get("error")
    causes = [str(cause) for cause in event.get("causes") or () if _REPORTED not in str(cause)]
    if reported and reported.get("code") != SqlError.code:
        error = errors.from_json(reported)
        if isinstance(error, WorkerError) and error.code == WorkerError.code:
            _exited(error, report)
            error = _lacking(error) or _pointed(error)
    elif reported:
        error = _statement(reported, causes)
    else:
        causes = causes or [f"{event.get('type')}: {event.get('message')}"]
        error = _unrestored(stack, causes) or known(causes) or _unknown(causes, log)
    error.trace = "\n".join(part for part in (error.trace, stack) if part) or None
    return error


_RESTORING = re.compile(
    r"at org\.apache\.flink\.(?:runtime\.checkpoint\.(?:Checkpoints|metadata\.\w+)\b"
    r"|streaming\.api\.operators\.(?:StreamTaskStateInitializerImpl|BackendRestorerProcedure)\b"
    r"|runtime\.state\.\w*Restore\w*\b"
    r"|runtime\.source\.coordinator\.SourceCoordinator\.resetToCheckpoint\b)"
)
"""Frames of a stack that stand there only while a checkpoint is read."""
_NO_DAMAGE = ("There is no operator for the state", "No space left on device")


def _unrestored(stack: str | None, causes: Sequence[str]) -> CorruptionError | None:
    """Flink could not read a checkpoint: whatever its words say is missing, it is the checkpoint's."""
    if stack is None or not _RESTORING.search(stack) or any(words in stack for words in _NO_DAMAGE):
        return None
    return CorruptionError("the checkpoint cannot be read", where="the checkpoint", got=_root(causes))


def _lacking(error: WorkerError) -> SetupError | None:
    """A worker that found no package of ours, or of what we need, before it could say so in a frame: it runs in an
    interpreter of the cluster's.
    """
    match = _MISSING.search(error.got or "")
    if match is None or "before it connected" not in (error.where or ""):
        return None
    package = match["name"].split(".")[0]
    return SetupError(
        f"the worker's interpreter on the cluster lacks the package {package!r}",
        where=error.where,
        got=short(error.got or ""),
        fix="install dlonflink of this release in it, on each TaskManager; runtime.worker.python says which it is",
    )


def _pointed(error: WorkerError) -> WorkerError:
    """What the worker printed last is for `--debug`: here, its last line; and where its Python was, if it said so."""
    printed = error.got or ""
    at = place(dumped(printed))
    if at is not None:
        error.where = f"{at}; {error.where}"
    lines = [line for line in printed.splitlines() if line.strip()]
    if at is not None or len(lines) > 1:
        error.got = short(next((line for line in lines if line.startswith(_FATAL)), lines[-1]))
        error.trace = "\n".join(part for part in (printed, error.trace) if part)
    return error


_FATAL = "Fatal Python error"


def _exited(error: WorkerError, report: Mapping[str, Any] | None) -> None:
    """A worker that went without a word: its exit code may say more than its output."""
    match = re.fullmatch(r"the worker exited with code (\d+)", error.what)
    if match is None:
        return
    error.exit_code = int(match[1])
    error.fix = error.fix or "what it printed is in the worker's log"
    if error.exit_code == 0:
        error.what += ", before its work was done"
        error.fix = "something in it ended the process, such as os._exit: raise an exception in its place"
    number = error.exit_code - _SIGNALLED
    if number not in set(signal.Signals):
        return
    error.what = f"the worker was killed by {signal.Signals(number).name} (exit code {error.exit_code})"
    if number == signal.SIGKILL:
        error.what += ": most likely the machine, or the container, ran out of memory"
        error.got = _memory(report)
        error.fix = (
            "give it more memory, or the learner fewer IDs and a smaller dim; `dmesg` tells whom the kernel killed"
        )
    elif number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL):
        error.fix = "a native library crashed: upgrade the packages of the worker's interpreter, or your own code's"


_SIGNALLED = 128
"""An exit code above it is a signal's number and this."""


def _memory(report: Mapping[str, Any] | None) -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    used = (report or {}).get("memory_mib")
    machine = f"this machine has {total:,} MiB"
    return f"the worker had used {used:,} MiB when it last told, {machine}" if used else machine


def _statement(reported: Mapping[str, object], causes: Sequence[str]) -> DLOnFlinkError:
    """Flink refused a statement: Java says which, the rules say why."""
    what = str(reported.get("what") or "")
    error = known([what, *causes]) or SqlError("SQL is refused", got=short(what), fix=_text(reported, "fix"))
    place = _text(reported, "where") or "a statement"
    line, view = _LINE.search(error.where or ""), _VIEW.search(place)
    if view:
        # The view's first line is ours.
        at = f", line {int(line[1]) - 1}, column {line[2]}" if line else ""
        error.where, error.got = f"source.query{at}", view[1]
    else:
        error.where = ", ".join(part for part in (error.where, place) if part)
    error.fix = error.fix or "correct the SQL"
    return error


def _text(reported: Mapping[str, object], part: str) -> str | None:
    return str(reported[part]) if reported.get(part) else None


def explain_exit(code: int, output: str, log: Path) -> DLOnFlinkError:
    """The error of a JVM that ended without a `failed` event; `output` is what it printed on stderr."""
    lines = [line for line in output.splitlines() if line.strip()]
    error = _unrestored(output, lines[:1] or [""]) or known([output])
    if error is None:
        error = JobError(f"the JVM ended with exit code {code}", where=str(log), got=short(lines[0]) if lines else None)
    error.trace = output or None
    return error


def explain_interpreter(python: str, output: str) -> DLOnFlinkError:
    """The error of a worker's interpreter that could not compile the kernels; `output` is its stderr."""
    match = _MISSING.search(output)
    if match:
        package = match["name"].split(".")[0]
        return SetupError(
            f"the worker's interpreter lacks the package {package!r}",
            where=f"runtime.worker.python: {python}",
            fix=f"{python} -m pip install {_PACKAGES.get(package, package)}",
            trace=output,
        )
    lines = [line for line in output.splitlines() if line.strip()]
    return SetupError(
        "the worker's interpreter does not start the worker",
        where=f"runtime.worker.python: {python}",
        got=short(lines[-1]) if lines else None,
        trace=output,
    )


def brief(stack: str) -> str:
    """One line for a Java stack: our own words where they are in it, else its root cause."""
    reported = re.search(re.escape(_REPORTED) + r"(\{.*\})", stack)
    if reported:
        try:
            return short(str(json.loads(reported[1])["what"]))
        except (ValueError, KeyError):
            pass  # cut off somewhere: the root cause says something too
    causes = re.findall(r"^(?:Caused by: )?([\w.$]+(?:: .*)?)$", stack, re.MULTILINE)
    return short(causes[-1].rpartition(": ")[2]) if causes else "a failure"


_PACKAGES = {"yaml": "pyyaml"}
"""Modules whose package has another name."""


def missing_interpreter(python: str) -> PipelineError:
    return PipelineError("the worker's interpreter does not exist", where="runtime.worker.python", got=python)


def _unknown(causes: Sequence[str], log: Path) -> JobError:
    return JobError(
        "the job failed", where=f"log: {log}", got=_root(causes), fix="run it with --debug to see Java's stack"
    )


def _root(causes: Sequence[str]) -> str:
    root = next(iter(causes[-1].splitlines()), "") or "Flink gave no reason"
    kind, _, message = root.partition(": ")
    return short(f"{kind.rpartition('.')[2]}: {message}" if message else root)

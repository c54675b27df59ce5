"""Every error this package raises; the only place where errors are defined.

    DLOnFlinkError
    ├─ PipelineError          refused before anything ran: a key, a type, a combination
    ├─ SetupError             Java, jar, port, disk, a package missing in the worker's interpreter
    ├─ DataError              a row or a file does not hold what the pipeline says
    │  ├─ SchemaError         a column is missing or has another type
    │  └─ TooManyRejects      more bad rows than `source.rejects` allows
    ├─ JobError               the job ran and failed
    │  ├─ SqlError            Flink refused a statement
    │  ├─ ProtocolError       the two sides of the wire disagree
    │  ├─ ResumeError         there is nothing, or not the right thing, to resume from
    │  └─ WorkerError         the worker ended; `exit_code`
    │     ├─ LearnerError     the learner raised
    │     └─ TableError       an embedding table refused a step
    ├─ CorruptionError        bytes are not what their digest says
    └─ StoreError             versions could not be written or read
       ├─ VersionNotFound     no such version, or none at all
       └─ FencedError         a later run owns the store

An error says what happened, where, what was expected and what came, and what to do next; each part is short, so that
the whole fits ten lines of a terminal. `code` is stable: programs may branch on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

_PARTS = ("where", "expected", "got", "fix")


class DLOnFlinkError(Exception):
    """Root of the tree. All parts but `what` may be None; `trace` holds the stack of another process or language."""

    code: ClassVar[str] = "error"

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        fix: str | None = None,
        trace: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.got = got
        self.fix = fix
        self.trace = trace

    def __str__(self) -> str:
        lines = [self.what]
        for part in _PARTS:
            text: str | None = getattr(self, part)
            if text:
                lines.append(f"  {part + ':':<10}{text}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | None]:
        """The payload of an ERROR frame (contract/README.md)."""
        return {
            "code": self.code,
            "what": self.what,
            "where": self.where,
            "expected": self.expected,
            "got": self.got,
            "fix": self.fix,
            "traceback": self.trace,
        }


class PipelineError(DLOnFlinkError):
    code = "pipeline"


class SetupError(DLOnFlinkError):
    code = "setup"


class DataError(DLOnFlinkError):
    code = "data"


class SchemaError(DataError):
    code = "schema"


class TooManyRejects(DataError):  # noqa: N818 - says what there was too much of
    code = "rejects"


class JobError(DLOnFlinkError):
    code = "job"


class SqlError(JobError):
    code = "sql"


class ProtocolError(JobError):
    code = "protocol"


class ResumeError(JobError):
    code = "resume"


class WorkerError(JobError):
    """`exit_code` is the worker's, where it has one."""

    code = "worker"
    exit_code: int | None = None


class LearnerError(WorkerError):
    code = "learner"


class TableError(WorkerError):
    code = "table"


class CorruptionError(DLOnFlinkError):
    code = "corruption"


class StoreError(DLOnFlinkError):
    code = "store"


class VersionNotFound(StoreError):  # noqa: N818 - a name people read as a sentence
    code = "version-not-found"


class FencedError(StoreError):
    code = "fenced"


def short(text: str, width: int = 160) -> str:
    """`text` on one line, cut to `width`: a part of an error, whatever somebody wrote."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 3] + "..."


def _tree(root: type[DLOnFlinkError]) -> list[type[DLOnFlinkError]]:
    return [root, *(error for child in root.__subclasses__() for error in _tree(child))]


ERRORS: Mapping[str, type[DLOnFlinkError]] = {error.code: error for error in _tree(DLOnFlinkError)}
"""Stable code -> class, for errors that crossed a process boundary as JSON."""


def from_json(data: Mapping[str, object]) -> DLOnFlinkError:
    """The error an ERROR frame describes; an unknown code becomes a WorkerError."""
    parts = {part: str(data[part]) if data.get(part) else None for part in _PARTS}
    trace = str(data["traceback"]) if data.get("traceback") else None
    error = ERRORS.get(str(data.get("code")), WorkerError)
    return error(str(data.get("what") or "the worker gave no reason"), **parts, trace=trace)

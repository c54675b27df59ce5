"""What Flink's side and the worker say to each other, typed. contract/README.md says when; `wire` has the bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Bytes = bytes | bytearray | memoryview

PROTOCOL = 2
FRAME_BYTES = 64 << 20
"""Cap of a frame until HELLO says another."""
STEP_MS = 600_000
FINAL = -1
"""Stands for the checkpoint of the snapshot after END."""


class Kind(IntEnum):
    """Frame types: below 32 to the worker, above to Flink."""

    HELLO = 1
    RESTORE = 2
    BATCH = 3
    BARRIER = 4
    COMMIT = 5
    ABORT = 6
    WATERMARK = 7
    END = 8
    STOP = 9
    CHUNKS = 10
    READY = 33
    SCORED = 34
    CREDIT = 35
    ALIGNED = 36
    SNAPSHOT = 37
    DURABLE = 38
    VERSION = 39
    PASSED = 40
    FINISHED = 41
    METRICS = 42
    REJECT = 43
    ERROR = 44
    HEARTBEAT = 45


class Document(BaseModel):
    """A JSON payload. Strict: a number in quotes is not a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Limits(Document):
    """What the worker must keep to."""

    frame_bytes: Annotated[int, Field(ge=1 << 16, lt=1 << 32)] = FRAME_BYTES
    step_ms: Annotated[int, Field(ge=1)] = STEP_MS
    """A step of the learner that takes longer ends the worker."""


class Hello(Document):
    """What the worker is to be."""

    kind: ClassVar[Kind] = Kind.HELLO
    protocol: int
    job: str
    run: str
    role: Literal["train"]
    index: Annotated[int, Field(ge=0)]
    parallelism: Annotated[int, Field(ge=1)]
    attempt: Annotated[int, Field(ge=0)]
    schema_: str = Field(alias="schema")
    """Base64 of an Arrow IPC schema message."""
    worker: Annotated[list[dict[str, Any]], Field(min_length=1)]
    """The plan's list, as the client wrote it."""
    restore: bool
    files: str | None = None
    """Directory with the user's files."""
    limits: Limits


class Ready(Document):
    """The worker is built, and restored where that was asked."""

    kind: ClassVar[Kind] = Kind.READY
    protocol: int
    pid: int
    libraries: dict[str, str]
    received: Annotated[int, Field(ge=0)]
    """Rows that had come when the restored snapshot was taken: learned, rejected and waiting ones; 0 without one."""


class Version(Document):
    """The answer to COMMIT(checkpoint)."""

    kind: ClassVar[Kind] = Kind.VERSION
    checkpoint: int
    outcome: Literal["published", "skipped", "failed"]
    version: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Restore:
    """A chunk of the snapshot, or, when `last`, the SHA-256 of all chunks."""

    kind: ClassVar[Kind] = Kind.RESTORE
    data: Bytes
    last: bool = False


@dataclass(frozen=True)
class Batch:
    """An encapsulated Arrow IPC record batch message, unread."""

    kind: ClassVar[Kind] = Kind.BATCH
    data: Bytes


@dataclass(frozen=True)
class Scored:
    """As Batch, in the other direction."""

    kind: ClassVar[Kind] = Kind.SCORED
    data: Bytes


@dataclass(frozen=True)
class Reject:
    """As Scored, with the columns of a reject."""

    kind: ClassVar[Kind] = Kind.REJECT
    data: Bytes


@dataclass(frozen=True)
class Barrier:
    kind: ClassVar[Kind] = Kind.BARRIER
    checkpoint: int


@dataclass(frozen=True)
class Commit:
    kind: ClassVar[Kind] = Kind.COMMIT
    checkpoint: int


@dataclass(frozen=True)
class Abort:
    kind: ClassVar[Kind] = Kind.ABORT
    checkpoint: int


@dataclass(frozen=True)
class Aligned:
    kind: ClassVar[Kind] = Kind.ALIGNED
    checkpoint: int


@dataclass(frozen=True)
class Watermark:
    kind: ClassVar[Kind] = Kind.WATERMARK
    ms: int


@dataclass(frozen=True)
class Passed:
    """The watermark on its way back: all rows before it are out."""

    kind: ClassVar[Kind] = Kind.PASSED
    ms: int


@dataclass(frozen=True)
class End:
    kind: ClassVar[Kind] = Kind.END


@dataclass(frozen=True)
class Stop:
    kind: ClassVar[Kind] = Kind.STOP


@dataclass(frozen=True)
class Chunks:
    """Flink takes so many more chunks of a snapshot. For the uploading thread alone: it is no event of the protocol."""

    kind: ClassVar[Kind] = Kind.CHUNKS
    checkpoint: int
    chunks: int


@dataclass(frozen=True)
class Credit:
    kind: ClassVar[Kind] = Kind.CREDIT
    batches: int


@dataclass(frozen=True)
class Snapshot:
    kind: ClassVar[Kind] = Kind.SNAPSHOT
    checkpoint: int
    data: Bytes


@dataclass(frozen=True)
class Durable:
    """All chunks of the snapshot are sent: their length together and their SHA-256."""

    kind: ClassVar[Kind] = Kind.DURABLE
    checkpoint: int
    length: int
    digest: bytes


@dataclass(frozen=True)
class Finished:
    kind: ClassVar[Kind] = Kind.FINISHED
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Metrics:
    kind: ClassVar[Kind] = Kind.METRICS
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Heartbeat:
    """The worker runs; for how long its learner has been in its current step."""

    kind: ClassVar[Kind] = Kind.HEARTBEAT
    busy_ms: int


@dataclass(frozen=True)
class Error:
    """`DLOnFlinkError.to_json()`."""

    kind: ClassVar[Kind] = Kind.ERROR
    error: Mapping[str, str | None]


ToWorker = Hello | Restore | Batch | Barrier | Commit | Abort | Watermark | End | Stop
ToFlink = (
    Ready
    | Scored
    | Reject
    | Credit
    | Aligned
    | Snapshot
    | Durable
    | Version
    | Passed
    | Finished
    | Metrics
    | Heartbeat
    | Error
)
Message = ToWorker | Chunks | ToFlink

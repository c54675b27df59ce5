"""The wire: messages as typed values, frames as bytes. No I/O and no state; the socket is `channel`'s.

A frame is a header of 8 bytes (type u8, flags u8, zero u16, length u32, little endian) and `length` bytes of payload.
Whatever a hostile peer sends ends in a ProtocolError: the header is judged before anything is allocated, the payload
before anything is believed. contract/README.md names the layouts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dlonflink.errors import ProtocolError

Bytes = bytes | bytearray | memoryview

PROTOCOL = 1
HEADER_BYTES = 8
FRAME_BYTES = 64 << 20
"""Cap of a frame until HELLO says another."""
FINAL = -1
"""Stands for the checkpoint of the snapshot after END."""

_HEADER = struct.Struct("<BBHI")
_I32 = struct.Struct("<i")
_I64 = struct.Struct("<q")
_DURABLE = struct.Struct("<qQ32s")
_LAST = 1


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


class _Document(BaseModel):
    """A JSON payload. Strict: a number in quotes is not a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Limits(_Document):
    """What the worker must keep to."""

    frame_bytes: Annotated[int, Field(ge=1 << 16, lt=1 << 32)] = FRAME_BYTES


class Hello(_Document):
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


class Ready(_Document):
    """The worker is built, and restored where that was asked."""

    kind: ClassVar[Kind] = Kind.READY
    protocol: int
    pid: int
    libraries: dict[str, str]


class Version(_Document):
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
class Error:
    """`DLOnFlinkError.to_json()`."""

    kind: ClassVar[Kind] = Kind.ERROR
    error: Mapping[str, str | None]


ToWorker = Hello | Restore | Batch | Barrier | Commit | Abort | Watermark | End | Stop
ToFlink = (
    Ready | Scored | Reject | Credit | Aligned | Snapshot | Durable | Version | Passed | Finished | Metrics | Error
)
Message = ToWorker | ToFlink

_OBJECT = TypeAdapter(dict[str, Any])
_ERROR = TypeAdapter(dict[str, str | None])
_D = TypeVar("_D", bound=_Document)


def encode(message: Message) -> tuple[Bytes, ...]:
    """The frame's bytes in pieces, so that a large payload is not copied."""
    flags = _LAST if isinstance(message, Restore) and message.last else 0
    payload = _payload(message)
    return (_HEADER.pack(message.kind, flags, 0, sum(len(piece) for piece in payload)), *payload)


def _payload(message: Message) -> tuple[Bytes, ...]:
    match message:
        case Hello() | Ready() | Version():
            return (message.model_dump_json(by_alias=True).encode(),)
        case Restore(data=data) | Batch(data=data) | Scored(data=data) | Reject(data=data):
            return (data,)
        case Barrier(checkpoint=n) | Commit(checkpoint=n) | Abort(checkpoint=n) | Aligned(checkpoint=n):
            return (_I64.pack(n),)
        case Watermark(ms=ms) | Passed(ms=ms):
            return (_I64.pack(ms),)
        case End() | Stop():
            return ()
        case Credit(batches=batches):
            return (_I32.pack(batches),)
        case Snapshot(checkpoint=n, data=data):
            return (_I64.pack(n), data)
        case Durable(checkpoint=n, length=length, digest=digest):
            return (_DURABLE.pack(n, length, digest),)
        case Finished(report=report) | Metrics(report=report):
            return (_OBJECT.dump_json(dict(report)),)
        case Error(error=error):
            return (_ERROR.dump_json({part: text and _utf8(text) for part, text in error.items()}),)


def _utf8(text: str) -> str:
    """Half a character, as in a file's name that is not UTF-8, must not keep an error from being told."""
    return text.encode(errors="backslashreplace").decode()


@dataclass(frozen=True)
class Header:
    kind: Kind
    last: bool
    length: int


def decode_header(data: Bytes, *, cap: int) -> Header:
    """Judges the 8 bytes before anything is allocated for what they announce. Raises ProtocolError."""
    code, flags, zero, length = _HEADER.unpack(data)
    try:
        kind = Kind(code)
    except ValueError:
        raise _broken("a frame of an unknown type", str(code)) from None
    if zero != 0:
        raise _broken(f"a {kind.name} frame whose header is damaged", f"{zero} where 0 must stand")
    if flags & ~(_LAST if kind is Kind.RESTORE else 0):
        raise _broken(f"a {kind.name} frame with unknown flags", str(flags))
    if length > cap:
        raise ProtocolError(
            f"a {kind.name} frame is longer than the cap",
            where="the socket between Flink and the worker",
            expected=f"at most {cap:,} bytes",
            got=f"{length:,} bytes",
            fix="a single row may be this large: raise the plan's frame_bytes, or send less in a row",
        )
    return Header(kind, bool(flags & _LAST), length)


def decode(header: Header, payload: Bytes) -> Message:
    """The message of a whole frame; payloads of bytes are views, not copies. Raises ProtocolError."""
    if len(payload) != header.length:
        raise _broken(f"a {header.kind.name} frame that is cut short", f"{len(payload)} of {header.length} bytes")
    return _DECODERS[header.kind](payload, header)


def _checkpoint(make: Callable[[int], Message]) -> Callable[[Bytes, Header], Message]:
    return lambda payload, header: make(_unpack(_I64, payload, header)[0])


def _restore(payload: Bytes, header: Header) -> Restore:
    if header.last and len(payload) != 32:
        raise _broken("a last RESTORE frame without a SHA-256", f"{len(payload)} bytes")
    return Restore(payload, header.last)


def _snapshot(payload: Bytes, _: Header) -> Snapshot:
    if len(payload) < _I64.size:
        raise _broken("a SNAPSHOT frame without a checkpoint", f"{len(payload)} bytes")
    view = memoryview(payload)
    return Snapshot(_I64.unpack(view[:8])[0], view[8:])


def _empty(message: Message) -> Callable[[Bytes, Header], Message]:
    def decoder(payload: Bytes, header: Header) -> Message:
        if len(payload):
            raise _broken(f"a {header.kind.name} frame with a payload", f"{len(payload)} bytes")
        return message

    return decoder


def _document(model: type[_D]) -> Callable[[Bytes, Header], _D]:
    return lambda payload, header: _json(model.model_validate_json, payload, header)


def _unpack(layout: struct.Struct, payload: Bytes, header: Header) -> tuple[Any, ...]:
    if len(payload) != layout.size:
        raise _broken(f"a {header.kind.name} frame of {len(payload)} bytes", f"it takes {layout.size}")
    return layout.unpack(payload)


_J = TypeVar("_J")


def _json(validate: Callable[[bytes], _J], payload: Bytes, header: Header) -> _J:
    try:
        return validate(bytes(payload))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise _broken(f"a {header.kind.name} frame whose JSON is not as agreed", f"{place}: {first['msg']}") from None


_DECODERS: Mapping[Kind, Callable[[Bytes, Header], Message]] = {
    Kind.HELLO: _document(Hello),
    Kind.RESTORE: _restore,
    Kind.BATCH: lambda payload, _: Batch(payload),
    Kind.BARRIER: _checkpoint(Barrier),
    Kind.COMMIT: _checkpoint(Commit),
    Kind.ABORT: _checkpoint(Abort),
    Kind.WATERMARK: _checkpoint(Watermark),
    Kind.END: _empty(End()),
    Kind.STOP: _empty(Stop()),
    Kind.READY: _document(Ready),
    Kind.SCORED: lambda payload, _: Scored(payload),
    Kind.REJECT: lambda payload, _: Reject(payload),
    Kind.CREDIT: lambda payload, header: Credit(_unpack(_I32, payload, header)[0]),
    Kind.ALIGNED: _checkpoint(Aligned),
    Kind.SNAPSHOT: _snapshot,
    Kind.DURABLE: lambda payload, header: Durable(*_unpack(_DURABLE, payload, header)),
    Kind.VERSION: _document(Version),
    Kind.PASSED: _checkpoint(Passed),
    Kind.FINISHED: lambda payload, header: Finished(_json(_OBJECT.validate_json, payload, header)),
    Kind.METRICS: lambda payload, header: Metrics(_json(_OBJECT.validate_json, payload, header)),
    Kind.ERROR: lambda payload, header: Error(_json(_ERROR.validate_json, payload, header)),
}


def _broken(what: str, got: str) -> ProtocolError:
    return ProtocolError(
        f"the other side sent {what}",
        where="the socket between Flink and the worker",
        got=got,
        fix="the jar and the Python package must be of one release: reinstall dlonflink",
    )

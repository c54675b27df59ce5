"""The wire: messages as frames of bytes. No I/O and no state; the socket is `threads`'.

A frame is a header of 8 bytes (type u8, flags u8, zero u16, length u32, little endian) and `length` bytes of payload.
Whatever a hostile peer sends ends in a ProtocolError: the header is judged before anything is allocated, the payload
before anything is believed. contract/README.md names the layouts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from dlonflink.errors import ProtocolError, short
from dlonflink.worker.messages import (
    Abort,
    Aligned,
    Barrier,
    Batch,
    Bytes,
    Chunks,
    Commit,
    Credit,
    Document,
    Durable,
    End,
    Error,
    Finished,
    Heartbeat,
    Hello,
    Kind,
    Message,
    Metrics,
    Passed,
    Ready,
    Reject,
    Restore,
    Scored,
    Snapshot,
    Stop,
    Version,
    Watermark,
)

HEADER_BYTES = 8

_HEADER = struct.Struct("<BBHI")
_I32 = struct.Struct("<i")
_I64 = struct.Struct("<q")
_CHUNKS = struct.Struct("<qi")
_DURABLE = struct.Struct("<qQ32s")
_LAST = 1

_OBJECT = TypeAdapter(dict[str, Any])
_ERROR = TypeAdapter(dict[str, str | None])
_D = TypeVar("_D", bound=Document)


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
        case Watermark(ms=ms) | Passed(ms=ms) | Heartbeat(busy_ms=ms):
            return (_I64.pack(ms),)
        case End() | Stop():
            return ()
        case Credit(batches=batches):
            return (_I32.pack(batches),)
        case Chunks(checkpoint=n, chunks=chunks):
            return (_CHUNKS.pack(n, chunks),)
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


def _chunks(payload: Bytes, header: Header) -> Chunks:
    message = Chunks(*_unpack(_CHUNKS, payload, header))
    if message.chunks < 1:
        raise _broken("a CHUNKS frame that takes room away", str(message.chunks))
    return message


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
    Kind.CHUNKS: _chunks,
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
    Kind.HEARTBEAT: lambda payload, header: Heartbeat(_unpack(_I64, payload, header)[0]),
    Kind.ERROR: lambda payload, header: Error(_json(_ERROR.validate_json, payload, header)),
}


def _broken(what: str, got: str) -> ProtocolError:
    return ProtocolError(
        f"the other side sent {what}",
        where="the socket between Flink and the worker",
        got=short(got),
        fix="the jar and the Python package must be of one release: reinstall dlonflink",
    )

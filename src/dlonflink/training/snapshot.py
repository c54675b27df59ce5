"""The container of a snapshot: arrays by name, in the safetensors format, written as a stream.

The library writes a file from whole arrays at once; a snapshot goes out in chunks while the stream runs on, so the
header is made first, from the sizes, and the buffers follow. Reading is the library's: it checks every offset.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, cast

import numpy as np
import safetensors
from numpy.typing import NDArray

from dlonflink.embedding.state import Part
from dlonflink.errors import CorruptionError, LearnerError, ResumeError, short

Arrays = Mapping[str, NDArray[Any]]
Parts = Mapping[str, NDArray[Any] | Part]
"""Some are made when it is their turn: a table does not fit into memory once more."""

FORMAT = "dlonflink-snapshot"
VERSION = "2"

# safetensors' name -> numpy's, little endian: the types that arrays of a learner, a table or a metric may have.
_TYPES = {
    "F64": "<f8",
    "I64": "<i8",
    "U64": "<u8",
    "F32": "<f4",
    "I32": "<i4",
    "U32": "<u4",
    "F16": "<f2",
    "I16": "<i2",
    "U16": "<u2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {numpy_name: name for name, numpy_name in _TYPES.items()}


def check(arrays: Arrays, *, owner: str) -> None:
    """Raises LearnerError when an array is of a type that has no place in a snapshot."""
    for name, array in arrays.items():
        kind = array.dtype.str if isinstance(array, np.ndarray) else type(array).__name__  # pyright: ignore[reportUnnecessaryIsInstance]
        if kind not in _NAMES:
            raise LearnerError(
                f"the snapshot's {name!r} cannot be written",
                where=owner,
                expected=f"a numpy array of {', '.join(np.dtype(one).name for one in _NAMES)}",
                got=kind,
                fix="snapshot() gives arrays of numbers by name; keep text and objects in the learner's arguments",
            )


def chunks(arrays: Parts, metadata: Mapping[str, str], *, size: int) -> Iterator[bytes]:
    """The container's bytes, in pieces of `size` bytes but for the last."""
    # The widest types first, as the library does: every buffer is then aligned to its own type.
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    chunk = bytearray()
    for piece in chain([_header(ordered, metadata)], (_bytes(array) for _, array in ordered)):
        taken = 0
        while taken < len(piece):
            part = piece[taken : taken + size - len(chunk)]
            chunk += part
            taken += len(part)
            if len(chunk) == size:
                yield bytes(chunk)
                chunk.clear()
    if chunk:
        yield bytes(chunk)


def damaged(what: str, *, got: str, expected: str | None = None) -> CorruptionError:
    """The error for a snapshot that is not what was written. The client, which knows the checkpoints before it, says
    which of them to take.
    """
    return CorruptionError(
        what,
        where="the checkpoint",
        expected=expected,
        got=got,
        fix="resume from an older checkpoint, or start with --fresh",
    )


def verify(data: bytes, digest: bytes) -> None:
    """Raises CorruptionError where the bytes are not those that `digest`, a SHA-256, was made of."""
    found = hashlib.sha256(data).digest()
    if found != digest:
        raise damaged(
            "the snapshot is not what was written at the checkpoint",
            expected=f"SHA-256 {digest.hex()}",
            got=f"{found.hex()} over {len(data):,} bytes",
        )


def read(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays and metadata of a container. The arrays are the caller's own.

    Raises CorruptionError when the bytes are no container, ResumeError when they are one of another release.
    """
    try:
        tensors = cast("list[tuple[str, dict[str, Any]]]", safetensors.deserialize(data))  # pyright: ignore[reportUnknownMemberType]
        length = int.from_bytes(data[:8], "little")
        metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
        arrays = {name: _array(view) for name, view in tensors}
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise damaged("the snapshot cannot be read", got=f"{len(data):,} bytes: {short(str(error))}") from error
    found = f"{metadata.get('format')} {metadata.get('version')}"
    if found != f"{FORMAT} {VERSION}":
        raise ResumeError(
            "the snapshot is of another release",
            where="the checkpoint",
            expected=f"{FORMAT} {VERSION}",
            got=short(found),
            fix="resume with the release that wrote it, or start with --fresh",
        )
    return arrays, metadata


def part(arrays: Arrays, name: str, like: NDArray[Any]) -> NDArray[Any]:
    """The array of that name. CorruptionError where there is none of `like`'s type, in one dimension, and of its length
    (any, where `like` is empty).
    """
    found = arrays.get(name)
    if found is None or found.dtype != like.dtype or found.ndim != 1 or len(like) not in (0, len(found)):
        raise damaged(
            "the snapshot lacks a part, or it is another",
            expected=f"{name}: {like.dtype}[{len(like) or 'any'}]",
            got="none" if found is None else f"{found.dtype}{list(found.shape)}",
        )
    return found


def _header(ordered: list[tuple[str, NDArray[Any] | Part]], metadata: Mapping[str, str]) -> memoryview:
    entries: dict[str, object] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, array in ordered:
        entries[name] = {
            "dtype": _NAMES[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return memoryview(len(text).to_bytes(8, "little") + text)


def _bytes(part: NDArray[Any] | Part) -> memoryview:
    array = part.read() if isinstance(part, Part) else part
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _array(view: Mapping[str, Any]) -> NDArray[Any]:
    return np.frombuffer(view["data"], dtype=_TYPES[view["dtype"]]).reshape(view["shape"])

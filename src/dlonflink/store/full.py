"""The files of a full version, each a safetensors file with its SHA-256.

`weights.safetensors` is what the learner's predict reads, `table.safetensors` the part of its embedding table that
predict reads. The format orders arrays by type and name, so equal arrays give equal files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dlonflink.errors import CorruptionError, VersionNotFound, short
from dlonflink.store.files import Files
from dlonflink.store.manifest import FileDigest

Arrays = Mapping[str, NDArray[Any]]

WEIGHTS = "weights.safetensors"
TABLE = "table.safetensors"
MANIFEST = "manifest.json"


def digest_of(data: bytes) -> FileDigest:
    return FileDigest(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def write_arrays(files: Files, name: str, arrays: Arrays) -> FileDigest:
    """Writes one file of arrays by name. Holds its bytes in memory meanwhile."""
    # The library takes an array's memory as it lies: a view or a transpose has to be laid out first.
    data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    files.write(name, data)
    return digest_of(data)


def read_arrays(files: Files, name: str, digest: FileDigest, version: int) -> dict[str, NDArray[Any]]:
    """Raises as `read_checked`."""
    data = read_checked(files, name, digest, version)
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CorruptionError(
            f"version {version} is damaged: a file holds no arrays, though its digest is right",
            where=f"{files.url}/{name}",
            got=short(str(error)),
            fix="load another version",
        ) from error


def read_checked(files: Files, name: str, digest: FileDigest, version: int) -> bytes:
    """The file's bytes. Raises VersionNotFound when it is gone, CorruptionError when it is not what was written."""
    data = files.read(name)
    if data is None:
        raise VersionNotFound(
            f"the files of version {version} are gone",
            where=f"{files.url}/{name}",
            fix="only the newest versions' files are kept (export.keep); load one of those",
        )
    found = digest_of(data)
    if found != digest:
        raise CorruptionError(
            f"version {version} is damaged: a file is not what its digest says",
            where=f"{files.url}/{name}",
            expected=f"{digest.bytes} bytes, SHA-256 {digest.sha256}",
            got=f"{found.bytes} bytes, SHA-256 {found.sha256}",
            fix="restore the file from a copy, or load another version",
        )
    return data

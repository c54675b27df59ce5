"""A version before it is published, in the list, and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from dlonflink.store.full import Arrays
from dlonflink.store.log import Published
from dlonflink.store.manifest import Manifest, ModelSpec, Origin, Provenance

FOLDER = "versions"


@dataclass(frozen=True)
class Draft:
    """What is to be published: copies, or arrays that nobody changes until `publish` returns."""

    weights: Arrays
    """Snapshot.weights of the learner."""
    table: Arrays
    """`Tables.served()`: what predict reads of the tables."""
    origin: Origin
    model: ModelSpec
    provenance: Provenance


@dataclass(frozen=True)
class Version:
    """One line of the list of versions."""

    number: int
    created: str
    origin: Origin
    kept: bool
    """Its files are there; False once newer versions have pushed it out."""
    entry: Published

    @property
    def folder(self) -> str:
        return f"{FOLDER}/{self.entry.folder}"


@dataclass(frozen=True)
class Contents:
    """All of one version, every byte checked against its digest."""

    manifest: Manifest
    weights: dict[str, NDArray[Any]]
    table: dict[str, NDArray[Any]]


def version_of(entry: Published, *, kept: bool) -> Version:
    return Version(entry.number, entry.created, entry.origin, kept, entry)

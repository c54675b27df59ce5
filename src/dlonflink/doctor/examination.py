"""Everything a doctor looks at, in order. Only what it looks at is loaded, when it is its turn."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Literal, cast

from dlonflink.doctor.finding import Finding

if TYPE_CHECKING:
    from dlonflink.pipeline.pipeline import Pipeline

Target = Literal["flink", "local"]
_HIDDEN = "dlonflink"


def examine(pipeline: Pipeline | None = None, on: Target | None = None) -> Iterator[Finding]:
    """What a run needs of this machine; with a pipeline, what this one needs. Raises nothing that a broken
    installation can cause: that is a finding.

    `on` overrides `runtime.on`.
    """
    target = on or (pipeline.runtime.on if pipeline else "flink")
    told: set[str] = set()
    for finding in chain.from_iterable(_look(*one) for one in _order(pipeline, target)):
        # What cannot be imported hides several things, and is one.
        if finding.name != _HIDDEN or finding.found not in told:
            yield finding
        told.add(finding.found)


def _order(pipeline: Pipeline | None, target: Target) -> Iterator[tuple[object, ...]]:
    """Module, function, and what it is to look at."""
    flink = target == "flink"
    yield "packages", "packages"
    if flink:
        yield "flink", "java"
        yield "flink", "jars"
    if flink and pipeline is not None:
        yield "flink", "connectors", pipeline.runtime.flink.jars
    yield "machine", "memory"
    yield "machine", "processors"
    yield "machine", "at_home"
    yield "machine", "temporary"
    if flink:
        yield "machine", "web", pipeline
    if pipeline is None:
        return
    yield "machine", "places", pipeline
    if flink:
        yield "interpreter", "interpreter", pipeline
        yield "pipeline", "secrets", pipeline
    if flink:
        yield "cluster", "cluster", pipeline
    yield "pipeline", "sections", pipeline, target
    yield "pipeline", "source", pipeline
    yield "pipeline", "versions", pipeline


def _look(room: object, name: object, *about: object) -> Iterator[Finding]:
    """The findings of one function. What it imports may be what is missing."""
    try:
        module = importlib.import_module(f"dlonflink.doctor.{room}")
    except ImportError as error:
        fix = "mend the packages: the rest cannot be looked at before"
        yield Finding(_HIDDEN, "fail", f"cannot be imported: {error}", fix)
        return
    yield from cast("Callable[..., Iterable[Finding]]", getattr(module, str(name)))(*about)

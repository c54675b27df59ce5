"""Where a run is going to write: refused before anything runs, rather than after an hour."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dlonflink.connectors.sinks import FileSink
from dlonflink.errors import PipelineError, SetupError
from dlonflink.pipeline.check import Target
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.settings import local_path
from dlonflink.store.store import Store


def check_places(pipeline: Pipeline, on: Target) -> None:
    """SetupError for a directory that cannot be written, StoreError for a store that cannot be read, PipelineError for
    one that holds another pipeline's versions.
    """
    if on == "flink" and pipeline.checkpoint.dir is not None:
        _need_writable(pipeline.checkpoint.dir, "checkpoint.dir")
    if isinstance(pipeline.sink, FileSink):
        _need_writable(pipeline.sink.path, "sink.path")
    if pipeline.export is not None:
        _need_writable(pipeline.export.to, "export.to")
        need_own_store(pipeline, pipeline.export.to)


def unwritable(place: str) -> str | None:
    """Why nothing can be written at a place on this machine, which need not be there yet; None: it can be, or the place
    is elsewhere.
    """
    local = local_path(place)
    if local is None:
        return None
    folder = nearest(local)
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"{error.strerror}: {folder}"


def nearest(place: Path) -> Path:
    """The place, or what there is of the way to it."""
    place = place.absolute()
    return next(path for path in (place, *place.parents) if path.exists())


def _need_writable(place: str, key: str) -> None:
    reason = unwritable(place)
    if reason:
        raise SetupError("cannot write there", where=key, got=reason, fix=f"give {key} a directory you may write to")


def need_own_store(pipeline: Pipeline, place: str) -> None:
    """PipelineError for a store of another pipeline: who follows it would serve now this model, now that one."""
    newest = Store(place).current()
    if newest is not None and newest.origin.name != pipeline.name:
        raise PipelineError(
            f"the store holds versions of pipeline {newest.origin.name!r}",
            where="export.to",
            expected=f"versions of {pipeline.name!r}, or none",
            got=f"version {newest.number} of {newest.origin.name!r} in {place}",
            fix="give each pipeline its own export.to",
        )

"""A pipeline, as far as it can be judged without running it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from dlonflink.connectors.files import FileSource
from dlonflink.connectors.local import read, schema
from dlonflink.connectors.rejects import Bound, Share
from dlonflink.connectors.sql import SqlSource
from dlonflink.doctor.finding import Finding
from dlonflink.errors import DLOnFlinkError
from dlonflink.features.faults import label_faults
from dlonflink.pipeline import plan as plans
from dlonflink.pipeline.check import Target, check
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.pipeline.secrets import references
from dlonflink.runtime.places import need_own_store
from dlonflink.store.store import Store

_ROWS = 100


def sections(pipeline: Pipeline, on: Target) -> Iterator[Finding]:
    """Do they fit together, and the runtime?"""
    try:
        check(plans.absolute(pipeline), on, schema(pipeline.source))
        yield Finding("pipeline", "ok", f"{pipeline.name}: the sections fit together, to run on {on}")
    except DLOnFlinkError as error:
        yield Finding.of("pipeline", error)


def secrets(pipeline: Pipeline) -> Iterator[Finding]:
    """Is each of them there? What it says is nobody's business."""
    for where, secret in references(pipeline):
        try:
            secret.read(where)
            yield Finding("secret", "ok", f"{where}: it is there")
        except DLOnFlinkError as error:
            yield Finding.of("secret", error)


def source(pipeline: Pipeline) -> Iterator[Finding]:
    """Can its first rows be read, and are their labels some?"""
    given = plans.absolute(pipeline).source
    if isinstance(given, SqlSource):
        yield Finding("source", "ok", "SQL: Flink alone can read it, not looked at")
        return
    bare = given.model_copy(update={"query": None})
    place = f" of {', '.join(given.paths)}" if isinstance(given, FileSource) else ""
    try:
        # Where bad rows are kept, the first ones may be some.
        unread = Share(Bound(max_share=1), "") if given.rejects else None
        rows = next(read(bare, tuple(bare.columns), batch_rows=_ROWS, rejects=unread), None)
        if rows is None:
            yield Finding("source", "fail", f"no row{place}", "check the path, and that the file is complete")
            return
        if given.rejects is None:
            _judge_labels(pipeline, rows)
        yield Finding("source", "ok", f"the first {rows.num_rows:,} rows{place} can be read")
    except DLOnFlinkError as error:
        yield Finding.of("source", error)
    except OSError as error:
        yield Finding(
            "source", "fail", f"cannot be read: {error.strerror or error}", "check the path and who may read it"
        )


def _judge_labels(pipeline: Pipeline, rows: pa.RecordBatch) -> None:
    for label in pipeline.labels():
        if label.column not in rows.schema.names:
            continue  # the query makes it
        for fault in label_faults(rows, label):
            if fault.rows.any():
                row = int(np.argmax(fault.rows))
                error = fault.error(row)
                error.where = f"row {row + 1:,}"
                raise error


def versions(pipeline: Pipeline) -> Iterator[Finding]:
    """Is the store one that this pipeline may write?"""
    if pipeline.export is None:
        yield Finding("versions", "ok", "none are published (no export.to)")
        return
    try:
        need_own_store(pipeline, pipeline.export.to)
        newest = Store(pipeline.export.to).current()
    except DLOnFlinkError as error:
        yield Finding.of("versions", error)
        return
    said = f"the newest is {newest.number}" if newest else "none yet"
    yield Finding("versions", "ok", f"{pipeline.export.to}: {said}")

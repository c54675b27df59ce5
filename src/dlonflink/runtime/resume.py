"""Going on from a checkpoint: whether it fits the pipeline, as far as its description tells, and which one to take
where it is damaged.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from dlonflink.connectors.files import FileSource
from dlonflink.connectors.sql import SqlSource
from dlonflink.connectors.values import kind
from dlonflink.errors import DLOnFlinkError
from dlonflink.pipeline.pipeline import Pipeline, Source
from dlonflink.runtime.directory import RunDirectory, ways_out
from dlonflink.runtime.record import there
from dlonflink.training import changes
from dlonflink.training.changes import Basis

DESCRIPTION = "pipeline.json"
"""A run's pipeline, in its directory."""

_CONNECTOR = re.compile(r"'connector'\s*=\s*'([^']*)'")
_OF_A_CHECKPOINT = ("the checkpoint", "the state of the operator")
"""How the place of an error begins that came up while a checkpoint was read: ours, and Java's."""
_SHOWN = 2
"""Ways out: the checkpoint before, and the one before that, should it be damaged as well."""


def refuse_changes(before: Pipeline, now: Pipeline) -> None:
    """ResumeError, naming the key, for a change that no checkpoint takes. The worker compares again, and more."""
    changes.refuse_changes(_basis(before), _basis(now))
    changes.refuse(before.source, now.source, "source")
    then, given = _connectors(before.source), _connectors(now.source)
    if then != given:
        raise changes.changed("source.ddl", then, given, what="the position in the stream is that of")
    if isinstance(now.source, FileSource) and kind(now.source) == "rows":
        old, new = before.source.rejects is not None, now.source.rejects is not None
        if old != new:
            # Text whose bad rows are kept is read by a source of ours, any other by Flink's table.
            raise changes.changed("source.rejects", _on(old), _on(new))


def only_sinks_differ(before: Pipeline, now: Pipeline) -> bool:
    """What reads and learns finds its state again, so that the state left over, if there is some, is that of sinks."""
    rejects = {"rejects": None}
    upstream = [one.source.model_copy(update=rejects).model_dump(mode="json") for one in (before, now)]
    return upstream[0] == upstream[1] and (before.sink, before.source.rejects) != (now.sink, now.source.rejects)


def described(run: Path) -> Pipeline | None:
    """The pipeline of a run, from the run's directory; None where it is gone, or of another release: then the worker,
    which has the snapshot, is the only one to compare.
    """
    try:
        return Pipeline.model_validate(json.loads((run / DESCRIPTION).read_text()))
    except (OSError, ValueError):
        return None


def name_checkpoint(error: DLOnFlinkError, directory: RunDirectory) -> DLOnFlinkError:
    """Of a checkpoint that cannot be restored: adds where it lies, and the commands that go on from the ones before."""
    if not (error.where or "").startswith(_OF_A_CHECKPOINT):
        return error
    every = there(directory.base)
    # A restart goes back to the job's own newest checkpoint; Flink takes no savepoint for that.
    own = [one.url for one in every if one.url.startswith(f"{directory.checkpoints}/") and "/chk-" in one.url]
    damaged = own[0] if own else directory.resumed_from
    if damaged is None:
        return error
    urls = [one.url for one in every]
    older = every[urls.index(damaged) + 1 :] if damaged in urls else every
    error.where, error.fix = damaged, ways_out(older[:_SHOWN])
    return error


def _basis(pipeline: Pipeline) -> Basis:
    """Types of columns are left to the worker: SQL's are known to Flink alone."""
    return Basis(pipeline.features, {}, pipeline.labels(), pipeline.learner, pipeline.embedding, pipeline.evaluation)


def _connectors(source: Source) -> list[str]:
    return _CONNECTOR.findall(source.ddl) if isinstance(source, SqlSource) else []


def _on(kept: bool) -> str:
    return "kept" if kept else "not kept"

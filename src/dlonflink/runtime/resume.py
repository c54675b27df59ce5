"""Whether a checkpoint fits the pipeline that is to go on from it, as far as its plan tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from dlonflink.errors import ResumeError, short
from dlonflink.training.settings import TrainingPlan

_PARTS = {"features": "features", "labels": "label", "learner": "learner", "embedding": "embedding"}
"""What a learner's state hangs on: member of the plan -> key of the pipeline. The worker compares again, and more."""


def refuse_changes(training: TrainingPlan, plan: Path) -> None:
    """ResumeError that names the key, where `plan`, of the run that made the checkpoint, says something else. A plan
    that is gone, or of another release, is left to the worker, which has the snapshot.
    """
    try:
        (before,) = json.loads(plan.read_text())["worker"]
    except (OSError, ValueError, KeyError):
        return
    now = training.model_dump(mode="json")
    for part, key in _PARTS.items():
        found = _difference(before.get(part), now[part], key)
        if found:
            place, then, given = found
            raise ResumeError(
                f"{key!r} is not what it was when the checkpoint was made",
                where=place,
                expected=short(json.dumps(then, ensure_ascii=False)),
                got=short(json.dumps(given, ensure_ascii=False)),
                fix="put the old settings back, or run with --fresh to begin anew",
            )


def _difference(before: object, now: object, place: str) -> tuple[str, object, object] | None:
    """The deepest key under which two JSON values differ, and the values; lists count as a whole."""
    if before == now:
        return None
    old, new = _mapping(before), _mapping(now)
    if old and old.keys() == new.keys():
        return next(found for key in new if (found := _difference(old[key], new[key], f"{place}.{key}")))
    return place, before, now


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}

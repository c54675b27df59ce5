"""What a learner's state hangs on, and which changes of it a checkpoint takes (docs/resume.md).

The client compares descriptions before anything runs, the worker compares what the snapshot says of itself: both here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import TypeAdapter, ValidationError

from dlonflink.embedding.settings import Embedding
from dlonflink.errors import ResumeError, short
from dlonflink.evaluation.settings import Evaluation
from dlonflink.features.columns import Crossed, Dense, Features, Hashed, Label
from dlonflink.features.spec import FeatureSpec
from dlonflink.learners.settings import FM, LearnerSettings, Logistic, user_code, with_user_code
from dlonflink.settings import Settings
from dlonflink.training.settings import TrainingPlan

BACK = "put it back; or run with --fresh to begin anew"
_LEARNER: TypeAdapter[LearnerSettings] = TypeAdapter(LearnerSettings)
_LABELS: TypeAdapter[tuple[Label, ...]] = TypeAdapter(tuple[Label, ...])

_Feature = Hashed | Crossed | Dense


@dataclass(frozen=True)
class Basis:
    """What a learner's state hangs on. Reads back from its own texts, those of earlier releases too: a key that they
    did not know has the default that means what they did.
    """

    features: Features
    columns: Mapping[str, str]
    """Columns that the features read -> SQL type; empty where only Flink knows."""
    labels: tuple[Label, ...]
    learner: LearnerSettings
    embedding: Embedding
    evaluation: Evaluation

    @classmethod
    def of(cls, plan: TrainingPlan, spec: FeatureSpec) -> Self:
        return cls(plan.features, spec.columns, plan.labels, plan.learner, plan.embedding, plan.evaluation)

    def texts(self) -> dict[str, str]:
        """Each part as JSON: the metadata of a snapshot."""
        return {
            "features": FeatureSpec(features=self.features, columns=dict(self.columns)).model_dump_json(),
            "labels": json.dumps([label.model_dump(mode="json") for label in self.labels]),
            "learner": self.learner.model_dump_json(),
            "embedding": self.embedding.model_dump_json(),
            "evaluation": self.evaluation.model_dump_json(),
        }

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> Self:
        """The inverse. ResumeError where a later release has written something that this one does not know."""
        try:
            spec = FeatureSpec.model_validate_json(texts["features"])
            return cls(
                features=spec.features,
                columns=spec.columns,
                labels=_LABELS.validate_json(texts["labels"]),
                learner=_LEARNER.validate_json(texts["learner"]),
                embedding=Embedding.model_validate_json(texts["embedding"]),
                evaluation=Evaluation.model_validate_json(texts["evaluation"]),
            )
        except (KeyError, ValidationError) as error:
            raise ResumeError(
                "the snapshot's description of its pipeline is not understood",
                where="the checkpoint",
                got=short(str(error)),
                fix="resume with the release that wrote it, or start with --fresh",
            ) from error


def refuse_changes(before: Basis, now: Basis) -> None:
    """ResumeError, naming the key, where a state of `before` is of no use to `now`."""
    refuse(_unplaced(before.learner), _unplaced(now.learner), "learner")
    refuse(before.embedding, now.embedding, "embedding")
    if len(before.labels) != len(now.labels):
        raise changed("label", len(before.labels), len(now.labels))
    for then, label in zip(before.labels, now.labels, strict=True):
        refuse(then, label, "label")
    _refuse_features(before, now)
    refuse(before.evaluation, now.evaluation, "evaluation")


def refuse(before: Settings | None, now: Settings | None, place: str) -> None:
    """ResumeError for the first key below `place` that may not differ, and does."""
    if before is None or now is None:
        if before is not now:
            raise changed(place, before and before.model_dump(mode="json"), now and now.model_dump(mode="json"))
        return
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    if type(before) is not type(now):
        raise changed(f"{place}.type", old.get("type"), new.get("type"))
    marks = type(now).marks()
    # Arguments of a learner of one's own: what they mean to its state, nobody else knows.
    further = [*(before.model_extra or {}), *(now.model_extra or {})]
    for key in (*marks.kept, *further):
        if old.get(key) != new.get(key):
            raise changed(f"{place}.{key}", old.get(key), new.get(key))
    for key in marks.sized:
        if len(old[key]) != len(new[key]):
            raise changed(f"{place}.{key}", old[key], new[key], what="as many numbers as")
    for key in marks.inside:
        refuse(getattr(before, key), getattr(now, key), f"{place}.{key}")


def changed(place: str, before: object, now: object, *, what: str = "") -> ResumeError:
    """The error for a key that is another one."""
    then = short(json.dumps(before, ensure_ascii=False))
    return ResumeError(
        f"{place!r} is not what it was when the checkpoint was made",
        where=place,
        expected=f"{what} {then}".lstrip(),
        got=short(json.dumps(now, ensure_ascii=False)),
        fix=BACK,
    )


def _refuse_features(before: Basis, now: Basis) -> None:
    old, new = _by_name(before.features), _by_name(now.features)
    for (kind, name), (_, feature) in old.items():
        if (kind, name) not in new:
            raise ResumeError(
                f"the feature {name!r} of the checkpoint is not declared any more",
                where=f"features.{kind}",
                expected=", ".join(one for other, one in old if other == kind),
                got=", ".join(one for other, one in new if other == kind) or "none",
                fix=BACK,
            )
        place, present = new[kind, name]
        refuse(feature, present, place)
    if not isinstance(now.learner, Logistic | FM) and list(old) != list(new):
        _refuse_other_inputs(now, list(old), list(new))
    for column, type_ in before.columns.items():
        # A number is a number; an ID is hashed from the bytes of its type.
        if column not in _numbers(now.features) and now.columns.get(column, type_) != type_:
            raise changed(f"source.columns.{column}", type_, now.columns[column])


def _refuse_other_inputs(now: Basis, old: list[tuple[str, str]], new: list[tuple[str, str]]) -> None:
    """A learner with weights for each input, by place. Logistic regression and the factorization machine have them by
    ID: a new feature is IDs that nobody has seen, and their order is nothing to them.
    """
    added = [one for one in new if one not in old]
    kind, name = added[0] if added else next(one for one, then in zip(new, old, strict=True) if one != then)
    raise ResumeError(
        f"the feature {name!r} was added" if added else "the features come in another order",
        where=f"features.{kind}",
        expected=f"{', '.join(one for _, one in old)}: what {now.learner.type} has weights for, in this order",
        got=", ".join(one for _, one in new),
        fix=f"{BACK}; logistic and fm take added features",
    )


def _by_name(features: Features) -> dict[tuple[str, str], tuple[str, _Feature]]:
    """(kind, name) -> place and feature. A column may be an ID and a number."""
    hashed = [one.model_copy(update={"vocabulary": one.space}) for one in features.all_hashed()]
    crossed, dense = features.all_crossed(), features.all_dense()
    return {
        **{("hashed", one.column): (f"features.hashed[{i}]", one) for i, one in enumerate(hashed)},
        **{("crossed", one.name): (f"features.crossed[{i}]", one) for i, one in enumerate(crossed)},
        **{("dense", one.column): (f"features.dense[{i}]", one) for i, one in enumerate(dense)},
    }


def _numbers(features: Features) -> set[str]:
    return set(features.columns()) - set(features.model_copy(update={"dense": ()}).columns())


def _unplaced(learner: LearnerSettings) -> LearnerSettings:
    """Code of one's own may move to another directory: what counts is its file and the name in it."""
    code: str | None = user_code(learner)
    return learner if code is None else with_user_code(learner, code.rpartition("/")[2])

"""From a description to a learner: the compiled ones by name, those that need a framework by their room, any other by
import path.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from typing import Any

from dlonflink.errors import DLOnFlinkError, LearnerError, PipelineError, SetupError
from dlonflink.learners.base import Inputs, Learner, Snapshot
from dlonflink.learners.classes import Role, construct, find
from dlonflink.learners.fm import FMLearner
from dlonflink.learners.linear import LogisticLearner
from dlonflink.learners.settings import FM, Custom, DeepFM, LearnerSettings, Logistic, Torch

_LEARNER: Role[Learner] = Role(
    noun="learner",
    key="learner.type",
    base=Learner,
    base_name="dlonflink.Learner",
    hint="derive it from dlonflink.Learner; dlonflink.testing.check_learner tells whether it keeps the contract",
    arguments="learner",
)


def build(settings: LearnerSettings, inputs: Inputs) -> Learner:
    """The learner, fresh. Class and arguments are checked first.

    PipelineError: there is no such learner, or it takes other arguments. SetupError: a package that it needs is
    missing. LearnerError: its file or its constructor raised.
    """
    match settings:
        case Logistic():
            return LogisticLearner(inputs, rates=settings.rates)
        case FM():
            return FMLearner(inputs, dim=settings.dim, rates=settings.rates)
        case DeepFM():
            return _pytorch("deepfm", "DeepFMLearner", settings.type)(inputs, settings)
        case Torch():
            return _pytorch("learner", "TorchLearner", settings.type)(inputs, settings)
        case _:
            return construct(_find(settings.type), settings.type, inputs, settings.arguments(), _LEARNER)


def restore(learner: Learner, snapshot: Snapshot, settings: LearnerSettings) -> None:
    """Raises what the learner's `restore` does, as a LearnerError where it is no error of ours."""
    try:
        learner.restore(snapshot)
    except DLOnFlinkError:
        raise
    except Exception as error:
        raise LearnerError(
            f"the learner raised {type(error).__name__} in restore: {error}",
            where=f"learner {settings.type}",
            fix="restore() takes what snapshot() of the same settings gave; --debug shows the stack",
            trace=traceback.format_exc(),
        ) from error


def look_up(settings: LearnerSettings) -> None:
    """Raises what `build` would as far as it can be known without rows: whether code and packages are there."""
    if isinstance(settings, Custom):
        _find(settings.type)
    elif isinstance(settings, Torch):
        _pytorch("module", "look_up", settings.type)(settings.module)
    elif isinstance(settings, DeepFM):
        _pytorch("deepfm", "DeepFMLearner", settings.type)


def _pytorch(module: str, name: str, kind: str) -> Any:
    """A class of the room that needs torch, which is loaded for who asks for it and for nobody else."""
    try:
        return getattr(importlib.import_module(f"dlonflink.learners.pytorch.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise SetupError(
            f"the learner {kind!r} needs torch, which is not installed",
            where="learner.type",
            expected=f"torch in this interpreter: {sys.executable}",
            fix=f"install it there: {sys.executable} -m pip install 'torch>=2.4'",
        ) from error


def _find(path: str) -> type[Learner]:
    learner = find(path, _LEARNER)
    if inspect.isabstract(learner):
        missing: frozenset[str] = getattr(learner, "__abstractmethods__", frozenset())
        raise PipelineError(
            f"learner {learner.__name__} is not complete",
            where=f"learner.type: {path}",
            expected="every method of dlonflink.Learner",
            got=f"none for: {', '.join(sorted(missing))}",
            fix="write them; the docstrings of dlonflink.Learner say what each must do",
        )
    return learner

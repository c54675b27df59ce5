"""From a description to a learner: the compiled ones by name, any other by import path."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from dlonflink.errors import DLOnFlinkError, LearnerError, PipelineError, SetupError
from dlonflink.learners.base import Inputs, Learner
from dlonflink.learners.fm import FMLearner
from dlonflink.learners.linear import LogisticLearner
from dlonflink.learners.settings import FM, LearnerSettings, Logistic


def build(settings: LearnerSettings, inputs: Inputs) -> Learner:
    """The learner, fresh. Class and arguments are checked first.

    PipelineError: there is no such learner, or it takes other arguments. SetupError: a package that its file imports is
    missing. LearnerError: its file or its constructor raised.
    """
    if isinstance(settings, Logistic):
        return LogisticLearner(inputs, rates=settings.rates)
    if isinstance(settings, FM):
        return FMLearner(inputs, dim=settings.dim, rates=settings.rates)
    learner = find(settings.type)
    arguments = settings.arguments()
    _check_arguments(learner, settings.type, inputs, arguments)
    try:
        return learner(inputs, **arguments)
    except DLOnFlinkError:
        raise
    except Exception as error:
        raise LearnerError(
            f"the learner's constructor raised {type(error).__name__}: {error}",
            where=f"learner.type: {settings.type}",
            fix="its traceback says where; the learner gets `inputs`, then the description's further keys",
            trace=traceback.format_exc(),
        ) from error


def find(path: str) -> type[Learner]:
    """The class at `package.module:Name` or `path/to/file.py:Name`."""
    place, _, name = path.rpartition(":")
    module = _import(place, path)
    found: Any = getattr(module, name, None)
    if found is None:
        names = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Learner)]
        close = difflib.get_close_matches(name, names, 1)
        raise PipelineError(
            f"there is no {name} in {place}",
            where=f"learner.type: {path}",
            expected=f"a class; learners there: {', '.join(sorted(set(names) - {'Learner'})) or 'none'}",
            fix=f"did you mean {place}:{close[0]}?" if close else "name the class after the colon",
        )
    if not (isinstance(found, type) and issubclass(found, Learner)):
        raise PipelineError(
            f"{name} is not a learner",
            where=f"learner.type: {path}",
            expected="a subclass of dlonflink.Learner",
            got=type(cast("object", found)).__name__,
            fix="derive it from dlonflink.Learner; dlonflink.testing.check_learner tells whether it keeps the contract",
        )
    if inspect.isabstract(found):
        missing: frozenset[str] = getattr(found, "__abstractmethods__", frozenset())
        raise PipelineError(
            f"learner {name} is not complete",
            where=f"learner.type: {path}",
            expected="every method of dlonflink.Learner",
            got=f"none for: {', '.join(sorted(missing))}",
            fix="write them; the docstrings of dlonflink.Learner say what each must do",
        )
    return found


def _import(place: str, path: str) -> ModuleType:
    where = f"learner.type: {path}"
    file = _file(place) if place.endswith(".py") else None
    if file is not None and not file.is_file():
        raise PipelineError(
            "the learner's file is not there",
            where=where,
            expected=f"a file {file.absolute()}",
            fix="give the path from where the command runs, or put the file's directory on the Python path",
        )
    try:
        return importlib.import_module(place) if file is None else _load(file)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if file is None and (place == missing or place.startswith(f"{missing}.")):
            raise PipelineError(
                f"the learner's module cannot be imported: there is no {missing}",
                where=where,
                expected=f"a module {place} on the Python path",
                fix=f"check the spelling, or name its file: path/to/{place.rpartition('.')[2]}.py:Name; "
                "to take it to a cluster, name it under runtime.worker.files",
            ) from error
        raise SetupError(
            f"the learner needs the package {missing!r}, which is not installed",
            where=where,
            expected=f"{missing} in this interpreter: {sys.executable}",
            fix=f"install it there: {sys.executable} -m pip install {missing.partition('.')[0]}; "
            "a module of your own: name it under runtime.worker.files",
            trace=traceback.format_exc(),
        ) from error
    except Exception as error:
        raise LearnerError(
            f"importing the learner raised {type(error).__name__}: {error}",
            where=where,
            fix="its traceback says where; a module must import without a side effect that can fail",
            trace=traceback.format_exc(),
        ) from error


def _file(place: str) -> Path:
    """A relative path starts at a directory of the Python path, else at the working directory."""
    found = (Path(folder, place) for folder in sys.path)
    return next((file for file in found if file.is_file()), Path(place))


def _load(file: Path) -> ModuleType:
    """A file as a module of its own: two files of one name do not meet, nor a file and an installed module."""
    path = file.absolute()
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check_arguments(learner: type[Learner], path: str, inputs: Inputs, arguments: Mapping[str, Any]) -> None:
    signature = inspect.signature(learner)
    try:
        signature.bind(inputs, **arguments)
    except TypeError as error:
        accepted = list(signature.parameters)[1:]
        unknown = [name for name in arguments if name not in accepted]
        close = difflib.get_close_matches(unknown[0], accepted, 1) if unknown else []
        raise PipelineError(
            f"the learner cannot be built from these settings: {error}",
            where=f"learner.type: {path}",
            expected=f"keys {', '.join(accepted)}" if accepted else "no further keys",
            got=", ".join(arguments) or "none",
            fix=f"did you mean {close[0]!r}?" if close else "change the keys under `learner`, or its constructor",
        ) from error

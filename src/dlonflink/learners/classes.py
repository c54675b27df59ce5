"""Classes of a user's own: found by import path, built from a description; every refusal says how out."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, cast

from dlonflink.errors import DLOnFlinkError, LearnerError, PipelineError, SetupError

T = TypeVar("T")


@dataclass(frozen=True)
class Role(Generic[T]):
    """What the class is to be, in the words of a refusal."""

    noun: str  # "learner"
    key: str  # of the description: "learner.type"
    base: type[T]
    base_name: str  # "dlonflink.Learner"
    hint: str  # what to do where the class is none
    arguments: str  # where its arguments stand: "learner"


def find(path: str, role: Role[T]) -> type[T]:
    """The class at `package.module:Name` or `path/to/file.py:Name`.

    PipelineError: there is none, or it is something else. SetupError: a package that its file imports is missing.
    LearnerError: its file raised.
    """
    place, _, name = path.rpartition(":")
    where = f"{role.key}: {path}"
    module = _import(place, where, role.noun)
    found: Any = getattr(module, name, None)
    if found is None:
        every = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, role.base)]
        names = sorted(set(every) - {role.base.__name__})
        close = difflib.get_close_matches(name, names, 1)
        raise PipelineError(
            f"there is no {name} in {place}",
            where=where,
            expected=f"a class; {role.noun}s there: {', '.join(names) or 'none'}",
            fix=f"did you mean {place}:{close[0]}?" if close else "name the class after the colon",
        )
    if not (isinstance(found, type) and issubclass(found, role.base)):
        raise PipelineError(
            f"{name} is not a {role.noun}",
            where=where,
            expected=f"a subclass of {role.base_name}",
            got=type(cast("object", found)).__name__,
            fix=role.hint,
        )
    return found


def construct(found: type[T], path: str, inputs: object, arguments: Mapping[str, Any], role: Role[T]) -> T:
    """`found(inputs, **arguments)`. PipelineError where it takes others, LearnerError where it raised."""
    _check_arguments(found, path, inputs, arguments, role)
    try:
        # Its signature was checked just now.
        return cast("Any", found)(inputs, **arguments)
    except DLOnFlinkError:
        raise
    except Exception as error:
        raise LearnerError(
            f"the {role.noun}'s constructor raised {type(error).__name__}: {error}",
            where=f"{role.key}: {path}",
            fix=f"its traceback says where; the {role.noun} gets `inputs`, then what stands under `{role.arguments}`",
            trace=traceback.format_exc(),
        ) from error


def _check_arguments(found: type[T], path: str, inputs: object, arguments: Mapping[str, Any], role: Role[T]) -> None:
    signature = inspect.signature(found)
    try:
        signature.bind(inputs, **arguments)
    except TypeError as error:
        accepted = list(signature.parameters)[1:]
        unknown = [name for name in arguments if name not in accepted]
        close = difflib.get_close_matches(unknown[0], accepted, 1) if unknown else []
        raise PipelineError(
            f"the {role.noun} cannot be built from these settings: {error}",
            where=f"{role.key}: {path}",
            expected=f"keys {', '.join(accepted)}" if accepted else "no further keys",
            got=", ".join(arguments) or "none",
            fix=f"did you mean {close[0]!r}?"
            if close
            else f"change the keys under `{role.arguments}`, or its constructor: inputs, then those keys",
        ) from error


def _import(place: str, where: str, noun: str) -> ModuleType:
    file = _file(place) if place.endswith(".py") else None
    if file is not None and not file.is_file():
        raise PipelineError(
            f"the {noun}'s file is not there",
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
                f"the {noun}'s module cannot be imported: there is no {missing}",
                where=where,
                expected=f"a module {place} on the Python path",
                fix=f"check the spelling, or name its file: path/to/{place.rpartition('.')[2]}.py:Name; "
                "to take it to a cluster, name it under runtime.worker.files",
            ) from error
        raise SetupError(
            f"the {noun} needs the package {missing!r}, which is not installed",
            where=where,
            expected=f"{missing} in this interpreter: {sys.executable}",
            fix=f"install it there: {sys.executable} -m pip install {missing.partition('.')[0]}; "
            "a module of your own: name it under runtime.worker.files",
            trace=traceback.format_exc(),
        ) from error
    except Exception as error:
        raise LearnerError(
            f"importing the {noun} raised {type(error).__name__}: {error}",
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

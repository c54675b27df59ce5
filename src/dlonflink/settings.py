"""What every description is made of; each room owns its own descriptions, built from these.

Also the one place that reads the environment (but for `failpoints`): `home()`, `cache_home()`, `java_home()`,
`inherited()` and `Secret.read()`.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dlonflink.errors import PipelineError
from dlonflink.refusal import IMPORT_PATTERN, NAME_PATTERN, VARIABLE_PATTERN, dotted, refused, written

_UNITS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def home() -> Path:
    """$DLONFLINK_HOME, or `.dlonflink` in the working directory: where checkpoints, versions and logs lie."""
    return Path(os.environ.get("DLONFLINK_HOME") or ".dlonflink").absolute()


def cache_home() -> Path:
    """Where compiled kernels may be kept: `dlonflink` in the user's cache directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlonflink"


def java_home() -> Path | None:
    """$JAVA_HOME, where it is set."""
    path = os.environ.get("JAVA_HOME")
    return Path(path) if path else None


def inherited() -> dict[str, str]:
    """The environment that a child process starts from."""
    return dict(os.environ)


def local_path(place: str) -> Path | None:
    """The path on this machine that a place names, plainly or as `file://`; None where it is elsewhere."""
    path = place.removeprefix("file://")
    return None if "://" in path else Path(path)


def milliseconds(text: str) -> int:
    """A duration in Flink's own grammar (`500 ms`, `10 s`, `5 min`, `2 h`, `30 d`) as milliseconds."""
    match = re.fullmatch(r"(\d+)\s*(ms|s|min|h|d)", text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; write 500 ms, 10 s, 5 min, 2 h or 30 d")
    return int(match[1]) * _UNITS[match[2]]


def _duration(text: str) -> str:
    milliseconds(text)
    return text


def _some_time(text: str) -> str:
    if milliseconds(text) == 0:
        raise ValueError(f"{text!r} is no time at all; write 1 ms or more")
    return text


def _text_of_a_duration(value: Any) -> Any:
    """`every: 10`: ten of what?"""
    if isinstance(value, str):
        return value
    raise PydanticCustomError("duration_type", "Input should be a duration: 500 ms, 10 s, 5 min, 2 h or 30 d")


def _import_path(value: Any) -> Any:
    if not (isinstance(value, type) or callable(value)):
        return value
    module, name = value.__module__, value.__qualname__
    if "<" in name or "." in name:
        raise ValueError(f"{name} must stand at the top of a module: the worker imports it by name")
    if module == "__main__":
        path = getattr(sys.modules["__main__"], "__file__", None)
        if path is None:
            raise ValueError(
                f"{name} lives in a notebook; write the cell to a file (%%writefile model.py) and import it"
            )
        module = str(path)
    return f"{module}:{name}"


Duration = Annotated[str, BeforeValidator(_text_of_a_duration), AfterValidator(_duration), Field(examples=["10 s"])]
"""Kept as written: Flink gets it as it is."""

Span = Annotated[Duration, AfterValidator(_some_time)]
"""A duration that is not 0."""

# The pattern comes first: behind a function pydantic leaves it out of the JSON schema, where any `type` would then fit.
ImportPath = Annotated[str, Field(pattern=IMPORT_PATTERN), BeforeValidator(_import_path)]
"""`package.module:Name` or `path/to/file.py:Name`; a class given in Python becomes its path."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]


@dataclass(frozen=True)
class OnResume:
    """Which keys of a description may be others than those that a checkpoint was made with (docs/resume.md). Every key
    of a pipeline stands in one of these.
    """

    kept: tuple[str, ...] = ()
    """The state means nothing under another value."""
    free: tuple[str, ...] = ()
    sized: tuple[str, ...] = ()
    """Lists: other values, but as many."""
    added: tuple[str, ...] = ()
    """Lists of features: more of them, for the learners that know what to do with a new one."""
    inside: tuple[str, ...] = ()
    """Descriptions: their own keys say, and they may not come or go as a whole."""


class Settings(BaseModel):
    """Base of every description: frozen, unknown keys refused with a guess."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    on_resume: ClassVar[OnResume] = OnResume()
    """For the class's own keys; those of its bases stand there."""

    if not TYPE_CHECKING:  # for a type checker the parameters are the fields

        def __init__(self, /, **data: Any) -> None:
            """Raises PipelineError, in the words that YAML gets, where pydantic would raise in its own."""
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise refused(
                    error,
                    strip=lambda path: written(data, path),
                    where=lambda path: dotted((type(self).__name__, *path)),
                ) from None

        # Without it, pydantic calls `__init__` for what it validates, and our error would end its list of complaints.
        __init__.__pydantic_base_init__ = True

    @model_validator(mode="before")
    @classmethod
    def _did_you_mean(cls, data: Any) -> Any:
        if isinstance(data, dict) and cls.model_config.get("extra") != "allow":
            known = list(cls.model_fields)
            for key in map(str, data):  # pyright: ignore[reportUnknownArgumentType]
                if key not in known:
                    close = difflib.get_close_matches(key, known, 1)
                    hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
                    raise PydanticCustomError("unknown_key", "unknown key '{key}'; {hint}", {"key": key, "hint": hint})
        return data  # pyright: ignore[reportUnknownVariableType]

    @classmethod
    def marks(cls) -> OnResume:
        """`on_resume` for every key."""
        own = [base.on_resume for base in cls.__mro__ if issubclass(base, Settings) and "on_resume" in vars(base)]
        return OnResume(*(tuple(key for one in own for key in getattr(one, kind.name)) for kind in fields(OnResume)))


class Secret(Settings):
    """A text that stands elsewhere: in an environment variable, or in a file (without the line end at its end). It is
    read where it is used, and stands in no description, plan, log or error.
    """

    on_resume = OnResume(free=("env", "file"))

    env: Annotated[str, Field(pattern=VARIABLE_PATTERN)] | None = None
    """Name of the variable."""
    file: str | None = None
    """Path of the file."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is {env: NAME} or {file: PATH}, one of the two")
        return self

    def placed(self) -> Secret:
        """The same for a process that works elsewhere."""
        return self if self.file is None else Secret(file=str(Path(self.file).absolute()))

    def read(self, where: str) -> str:
        """The text. Raises PipelineError, which names `where`, if the variable or the file is missing."""
        if self.env is not None:
            value = os.environ.get(self.env)
            if value is None:
                raise PipelineError(
                    f"the environment variable {self.env} is not set",
                    where=where,
                    fix=f"export {self.env}=... before the start",
                )
            return value
        try:
            text = Path(str(self.file)).read_text(encoding="utf-8")
        except OSError as error:
            raise PipelineError(
                f"the file of a secret cannot be read: {error.strerror}", where=where, got=self.file
            ) from None
        except UnicodeDecodeError:
            raise PipelineError("the file of a secret is not UTF-8", where=where, got=self.file) from None
        return text.removesuffix("\n").removesuffix("\r")


Text = str | tuple[str | Secret, ...]
"""In a plan: a text, or its parts where some stand elsewhere."""

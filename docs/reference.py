"""Writes the reference part of docs/pipeline.md, and the table of docs/resume.md, from the model itself: `python
docs/reference.py`.

The text of a key is the docstring under its field, whether it may change is its mark; a test holds both pages current.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.settings import Duration, ImportPath, Name, Settings, Span

PAGE = Path(__file__).with_name("pipeline.md")
RESUME = Path(__file__).with_name("resume.md")
BEGIN = "<!-- from here on written by docs/reference.py -->\n"
WORDS = {
    Duration: "duration",
    Span: "duration",
    Name: "name",
    ImportPath: "`module:Name`",
    str: "text",
    Any: "any value",
}
BOUNDS = {"gt": ">", "ge": ">=", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}


class Section(NamedTuple):
    path: str
    model: type[Settings]

    @property
    def title(self) -> str:
        kind = get_args(self.model.model_fields["type"].annotation) if "type" in self.model.model_fields else ()
        chosen = f": type {kind[0]}" if kind else ": type `module:Name`" if "type" in self.model.model_fields else ""
        return (self.path or "the pipeline") + chosen

    @property
    def link(self) -> str:
        return f"[{self.title.partition(': ')[2] or self.title}](#{self.anchor})"

    @property
    def anchor(self) -> str:
        kept = [sign for sign in self.title.lower() if sign.isalnum() or sign in " -_"]
        return "".join(kept).replace(" ", "-")


def models(annotation: Any) -> Iterator[type[Settings]]:
    """Every description that an annotation mentions, in order."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation
    for argument in get_args(annotation):
        yield from models(argument)


def sections(model: type[Settings] = Pipeline, path: str = "", seen: set[type] | None = None) -> Iterator[Section]:
    """The pipeline, then what its keys hold, in order of first mention; each once."""
    seen = set() if seen is None else seen
    seen.add(model)
    yield Section(path, model)
    for name, annotation in get_type_hints(model, include_extras=True).items():
        if name in model.model_fields:
            for inner in models(annotation):
                if inner not in seen:
                    yield from sections(inner, f"{path}.{name}".lstrip("."), seen)


def bounds(annotation: Any) -> str:
    found = [part for info in get_args(annotation)[1:] if isinstance(info, FieldInfo) for part in info.metadata]
    said = [f"{sign} {getattr(part, name)}" for part in found for name, sign in BOUNDS.items() if hasattr(part, name)]
    return f" {', '.join(said)}" if said else ""


def kind(annotation: Any, links: dict[type, str]) -> str:
    """What may stand there, in words."""
    for known, word in WORDS.items():
        if annotation == known:
            return word
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(arguments[0], links) + bounds(annotation)
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(kind(argument, links) for argument in arguments if argument is not NoneType))
    if origin is tuple:
        item = kind(arguments[0], links)
        return f"list of ({item})" if " or " in item or "," in item else f"list of {item}"
    if origin is dict:
        return f"map of text to {kind(arguments[1], links)}"
    if annotation in links:
        return links[annotation]
    return {bool: "`true` or `false`", int: "integer", float: "number"}[annotation]


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Settings) or value in (None, (), {}, ""):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def render() -> str:
    """The reference as Markdown."""
    every = list(sections())
    links = {section.model: section.link for section in every}
    parts: list[str] = []
    for section in every:
        hints = get_type_hints(section.model, include_extras=True)
        rows = [
            " | ".join(
                (
                    f"| `{name}`",
                    kind(hints[name], links),
                    default(field),
                    f"{' '.join((field.description or '').split())} |",
                )
            )
            for name, field in section.model.model_fields.items()
        ]
        about = " ".join(inspect.cleandoc(section.model.__doc__ or "").split())
        table = "\n".join(["| key | value | default | |", "|---|---|---|---|", *rows])
        parts.append(f"### {section.title}\n\n{about}\n\n{table}\n")
    return "\n".join(parts)


def changes() -> str:
    """Which keys may be others than those that a checkpoint was made with, as Markdown."""
    rows = ["| | may change | may not |", "|---|---|---|"]
    for section in sections():
        marks = section.model.marks()
        may = [
            ", ".join(f"`{key}`" for key in marks.free),
            ", ".join(f"`{key}` (as many)" for key in marks.sized),
            ", ".join(f"`{key}` (by additions)" for key in marks.added),
        ]
        kept = ", ".join(f"`{key}`" for key in marks.kept)
        if kept or any(may[1:]) or not section.path:
            link = f"[{section.title}](pipeline.md#{section.anchor})"
            rows.append(f"| {link} | {', '.join(filter(None, may))} | {kept} |")
    return "\n".join([*rows, "| every other section | every key |  |"]) + "\n"


def page() -> str:
    """docs/pipeline.md as it should be."""
    return _under(PAGE, render())


def resume() -> str:
    """docs/resume.md as it should be."""
    return _under(RESUME, changes())


def _under(page: Path, derived: str) -> str:
    written, _, _ = page.read_text().partition(BEGIN)
    return f"{written}{BEGIN}\n{derived}"


if __name__ == "__main__":
    PAGE.write_text(page())
    RESUME.write_text(resume())

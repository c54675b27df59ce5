"""From pydantic's list of complaints to one refusal: the first that matters in full, the others counted."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError

from dlonflink.errors import PipelineError, short

NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""The one pattern for names that become directories, metrics and process titles."""

IMPORT_PATTERN = r"^[\w./-]+:[A-Za-z_]\w*$"

VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"

Step = str | int
_PATTERNS = {
    NAME_PATTERN: "lower-case letters, digits and dashes, at most 63",
    IMPORT_PATTERN: "package.module:Name or path/to/file.py:Name",
    VARIABLE_PATTERN: "the name of an environment variable",
}
_KINDS = {
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "text",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""Pydantic's complaint -> what should stand there, in the words of a YAML file."""
_PLAIN_TYPE = 4  # rank of "this member of the union is not meant at all"


def refused(
    error: ValidationError,
    *,
    strip: Callable[[Sequence[Step]], Sequence[Step]],
    where: Callable[[Sequence[Step]], str],
) -> PipelineError:
    """`strip` leaves out of a path what the user did not write (names of a union's members); `where` says the place."""
    complaints: dict[tuple[Step, ...], dict[str, Any]] = {}
    for complaint in error.errors(include_url=False):
        path = _path(complaint, strip)  # pyright: ignore[reportArgumentType]
        if path not in complaints or _rank(complaint) < _rank(complaints[path]):  # pyright: ignore[reportArgumentType]
            complaints[path] = dict(complaint)
    # A deeper complaint stands for the shallower ones about other members of the same union.
    deepest = [path for path in complaints if not any(_inside(other, path) for other in complaints)]
    first = deepest[0]
    what, expected, got, fix = _words(complaints[first], first)
    if len(deepest) > 1:
        what += f" (and {len(deepest) - 1} more)"
    return PipelineError(what, where=where(first), expected=expected, got=got, fix=fix)


def dotted(path: Sequence[Step]) -> str:
    """`features.hashed[2].bucket`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def written(data: object, path: Sequence[Step]) -> tuple[Step, ...]:
    """`path` without the steps that are not in `data`: pydantic's names of a union's members."""
    found: list[Step] = []
    for step in path:
        try:
            data = cast("Any", data)[step]
        except (KeyError, IndexError, TypeError):
            continue
        found.append(step)
    return tuple(found)


def _inside(inner: tuple[Step, ...], outer: tuple[Step, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _path(complaint: dict[str, Any], strip: Callable[[Sequence[Step]], Sequence[Step]]) -> tuple[Step, ...]:
    loc: tuple[Step, ...] = complaint["loc"]
    match complaint["type"]:
        case "missing":
            return (*strip(loc[:-1]), loc[-1])
        case "unknown_key":
            return (*strip(loc), str(complaint["ctx"]["key"]))
        case "union_tag_invalid" | "union_tag_not_found" if isinstance(complaint["input"], Mapping):
            return (*strip(loc), "type")
        case _:
            return tuple(strip(loc))


def _rank(complaint: dict[str, Any]) -> int:
    """Of several complaints about one value, which tells most: a union complains once for each member."""
    kind: str = complaint["type"]
    if kind in ("unknown_key", "missing"):
        return 0
    if kind == "value_error":
        return 1
    return _PLAIN_TYPE if kind.endswith(("_type", "_parsing")) else 2


def _words(complaint: dict[str, Any], path: tuple[Step, ...]) -> tuple[str, str | None, str | None, str | None]:
    """what, expected, got, fix."""
    name = _name(path)
    context: dict[str, Any] = complaint.get("ctx") or {}
    match complaint["type"]:
        case "unknown_key":
            return f"unknown key {context['key']!r}", None, None, str(context["hint"])
        case "missing":
            return f"{name!r} is missing", None, None, f"add {name!r}"
        case "union_tag_invalid" | "union_tag_not_found" | "model_attributes_type":
            return _wrong_type(name, complaint["input"], str(context.get("expected_tags", "")))
        case "value_error":
            return str(context["error"]), None, _short(complaint["input"]), None
        case "string_pattern_mismatch" if context["pattern"] in _PATTERNS:
            return f"{name!r} has a wrong value", _PATTERNS[context["pattern"]], _short(complaint["input"]), None
        case _:
            return f"{name!r} has a wrong value", _expected(complaint, context), _short(complaint["input"]), None


def _expected(complaint: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    match complaint["type"]:
        case "too_short":
            return f"at least {_items(context['min_length'])}"
        case "too_long":
            return f"at most {_items(context['max_length'])}"
        case kind:
            return _KINDS.get(kind) or str(complaint["msg"]).removeprefix("Input should be ")


def _name(path: Sequence[Step]) -> str:
    """The last key; in a list with the item's place: `rates[0]`."""
    keys = [i for i, step in enumerate(path) if isinstance(step, str)]
    return dotted(path[keys[-1] :]) if keys else "the pipeline"


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _wrong_type(name: str, value: object, tags: str) -> tuple[str, str | None, str | None, str | None]:
    """Where `type` selects: it is unknown, or missing, or its value stands where the mapping should."""
    known = [one.strip(" '") for one in tags.split(",") if one]
    named = ", ".join("my_module:MyLearner" if one == "custom" else one for one in known)
    if not isinstance(value, Mapping):
        path = isinstance(value, str) and ":" in value and "custom" in known
        close = [str(value)] if path else difflib.get_close_matches(str(value), known, 1)
        expected = f"a mapping with a type: {named}" if named else "a mapping with a type"
        return f"{name!r} has a wrong value", expected, _short(value), f"write {{type: {close[0] if close else '...'}}}"
    given = cast("Mapping[object, object]", value)
    if "type" in given:
        tag = str(given["type"])
        close = difflib.get_close_matches(tag, known, 1)
        return f"unknown type {tag!r}", named, repr(tag), f"did you mean {close[0]!r}?" if close else None
    meant = difflib.get_close_matches("type", [str(key) for key in given], 1)
    fix = f"write 'type' for {meant[0]!r}" if meant else "add 'type': it selects"
    return "'type' is missing", named or None, None, fix


def _short(value: object) -> str:
    return short(repr(value), 60)

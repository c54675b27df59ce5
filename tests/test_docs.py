"""Nothing in README.md and docs/ stands there untested.

`python` blocks of a page are run, one after the other, in one process. `yaml` blocks are a pipeline, or sections of
one. `bash` blocks are not run (they would install, or run these tests in themselves): each command in them must exist,
with the options it is given. `text` is output and drawings. No other kind of block is allowed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from dlonflink.pipeline.pipeline import Pipeline

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "contract").rglob("*.md")])
LANGUAGES = {"python", "yaml", "bash", "text"}
QUICKSTART_LINES = 25

REST_OF_A_PIPELINE = """\
name: page
source: {type: files, paths: [a.csv], format: csv, columns: {a: STRING, label: INT}}
features: {hashed: [a]}
label: label
learner: {type: logistic}
"""


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(language: str | None = None) -> list[Block]:
    found = [
        Block(page, text[: match.start()].count("\n") + 1, match[1], match[2])
        for page in PAGES
        for text in [page.read_text()]
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]
    return [block for block in found if language in (None, block.language)]


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {block.language for block in blocks()} <= LANGUAGES
    for page in PAGES:
        assert page.read_text().count("```") % 2 == 0, page


def test_the_quickstart_is_short() -> None:
    (quickstart,) = [block for block in blocks("python") if block.page.name == "README.md"]
    assert quickstart.text.count("\n") <= QUICKSTART_LINES


@pytest.mark.timeout(400)  # the quickstart is a whole run on Flink
@pytest.mark.parametrize("page", sorted({block.page for block in blocks("python")}), ids=lambda page: page.name)
def test_python(page: Path, tmp_path: Path) -> None:
    code = "\n".join(block.text for block in blocks("python") if block.page == page)
    (tmp_path / "page.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"], cwd=tmp_path, check=False, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml(block: Block) -> None:
    written = yaml.safe_load(block.text)
    Pipeline.model_validate(written if "name" in written else yaml.safe_load(REST_OF_A_PIPELINE) | written)


@pytest.mark.parametrize("block", blocks("bash"), ids=str)
def test_bash(block: Block) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0].startswith("scripts/"):
            assert os.access(ROOT / words[0], os.X_OK), line
        elif words[0] == "dlonflink":
            known = subprocess.run(
                [Path(sys.executable).with_name("dlonflink"), words[1], "--help"],
                check=True,
                text=True,
                capture_output=True,
                env=dict(os.environ) | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
            ).stdout
            for word in words:
                assert not word.startswith("--") or re.search(rf"{word}\b", known), f"{line}: {word} is not known"
        elif words[:2] == ["pip", "install"]:
            extras = re.findall(r"\[(\w+)\]", line)
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
            assert set(extras) <= set(project["optional-dependencies"]), line
        else:
            pytest.fail(f"{block}: no test for {words[0]!r}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, f"{page.name}: {target}"


def test_the_examples_learners_are_the_page_s() -> None:
    texts = [block.text for block in blocks("python") if block.page.name == "learners.md"]
    for name, file in (("Perceptron", "perceptron.py"), ("TwoTower", "two_tower.py")):
        (page,) = [text[text.index(f"class {name}") :] for text in texts if f"class {name}(" in text]
        assert page in (ROOT / "examples" / file).read_text()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.*")), ids=lambda path: path.name)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    target = f"{example}:pipeline" if example.suffix == ".py" else str(example)
    summary = tmp_path / "summary.json"
    command = [Path(sys.executable).with_name("dlonflink"), "run", target, "--on", "local", "--summary", summary]
    done = subprocess.run(command, cwd=tmp_path, check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(summary.read_text())["metrics"]["auc"] > 0.6


def test_architecture_shows_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    package = ROOT / "src" / "dlonflink"
    rooms = [path.name for path in package.iterdir() if (path / "__init__.py").exists()]
    rooms += [path.name for path in package.glob("*.py") if path.name != "__init__.py"]
    assert [room for room in rooms if f"(../src/dlonflink/{room})" not in text] == []


def test_the_reference_is_current() -> None:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = reference  # its annotations are looked up there
    spec.loader.exec_module(reference)
    assert reference.PAGE.read_text() == reference.page(), "run: python docs/reference.py"
    assert reference.RESUME.read_text() == reference.resume(), "run: python docs/reference.py"


def test_the_guarantees_name_tests_that_are_there() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(rows) > 15
    for row in rows:
        tests = re.findall(r"`([\w/.]+)::(\w+)`", row)
        assert tests, f"nothing holds: {row[:80]}"
        for path, name in tests:
            assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), f"{path}::{name}"

"""Secrets stand where they are used and nowhere else: seeded values are looked for in all that a run leaves."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import dlonflink as dlf
from dlonflink.connectors.statements import check_secrets, fill
from dlonflink.errors import PipelineError
from dlonflink.pipeline.plan import digest

SCRIPT = str(Path(sys.executable).parent / "dlonflink")
HARD = "it's \"$' \\ {x} é\u20ac;--"
"""What needs care in SQL, JSON, Python and regular expressions."""


def seed(name: str) -> str:
    return f"{name}-{secrets.token_hex(12)}-{HARD}-{secrets.token_hex(12)}"


def test_a_secret_is_one_of_two() -> None:
    for wrong in ({}, {"env": "A", "file": "b"}, {"env": "no name"}, {"evn": "A"}):
        with pytest.raises(ValueError, match=r"secret|pattern|did you mean 'env'"):
            dlf.Secret.model_validate(wrong)


def test_a_secret_holds_no_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    value = seed("held")
    monkeypatch.setenv("HELD", value)
    (tmp_path / "held").write_text(f"{value}\n", encoding="utf-8")
    for one in (dlf.Secret(env="HELD"), dlf.Secret(file=str(tmp_path / "held"))):
        assert one.read("here") == value
        assert value not in repr(one) + str(one) + one.model_dump_json()


def test_a_missing_one_names_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    (tmp_path / "bytes").write_bytes(b"\xff")
    for one in (
        dlf.Secret(env="NOT_THERE"),
        dlf.Secret(file=str(tmp_path / "nowhere")),
        dlf.Secret(file=str(tmp_path / "bytes")),
    ):
        with pytest.raises(PipelineError) as missing:
            one.read("runtime.worker.env.TOKEN")
        assert missing.value.where == "runtime.worker.env.TOKEN"
        assert "TOKEN" not in missing.value.what


def test_placeholders_become_references() -> None:
    key = dlf.Secret(env="KEY")
    assert fill("a = 'b${KEY}' -- ${KEY}", {"KEY": key}) == ("a = 'b", key, "' -- ${KEY}")
    assert fill("'${KEY}it''s${KEY}'", {"KEY": key}) == ("'", key, "it''s", key, "'")
    assert fill("'$${KEY} $KEY ${}' = \"${KEY}\" `${KEY}`", {}) == "'${KEY} $KEY ${}' = \"${KEY}\" `${KEY}`"
    assert fill("'${KEY} $${KEY}'", {"KEY": key}) == ("'", key, " ${KEY}'")


@pytest.mark.parametrize(
    ("ddl", "names", "where", "said"),
    [
        ("'${KAFKA}'", ["KAFKAS"], "source.ddl", "did you mean ${KAFKAS}?"),
        ("'${KAFKA}'", [], "source.ddl", "$${KAFKA}"),
        ("'a'", ["KAFKA"], "source.secrets.KAFKA", "'${KAFKA}'"),
        ("${KAFKA}", ["KAFKA"], "source.secrets.KAFKA", "'${KAFKA}'"),
        ("'${A}${KAFKA}'", ["A", "KAFKAS", "KAFKA"], "source.secrets.KAFKAS", "did you mean 'KAFKA'?"),
    ],
)
def test_names_without_a_match_are_refused(ddl: str, names: list[str], where: str, said: str) -> None:
    with pytest.raises(PipelineError) as refused:
        check_secrets(ddl, {name: dlf.Secret(env=name) for name in names}, "source")
    assert refused.value.where == where
    assert said in str(refused.value.fix)


LEARNER = '''\
"""Says what it should not."""

import os

from perceptron import Perceptron


class Curious(Perceptron):
    def __init__(self, inputs, raises: bool = False) -> None:
        super().__init__(inputs)
        self.raises = raises
        print("the token is", os.environ["TOKEN"], repr(os.environ["TOKEN"]), flush=True)

    def learn(self, batch, truth):
        if self.raises:
            raise KeyError(os.environ["TOKEN"])
        return super().learn(batch, truth)
'''
PIPELINE = """\
name: secret
source:
  type: sql
  table: words
  query: SELECT id, SHA256(word) AS word, CAST(MOD(id, 2) AS INT) AS click FROM source
  ddl: |
    CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '500',
      'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '2000');
    CREATE VIEW words AS SELECT id, '${{WORD}}' AS word FROM numbers
  secrets: {{WORD: {{env: WORD}}}}
  key: [id, word]
features: {{hashed: [word]}}
label: click
learner: {{type: "{learner}:Curious"}}
sink:
  type: sql
  ddl: |
    CREATE TABLE scored (id BIGINT, word STRING, label FLOAT, score FLOAT, version BIGINT, run STRING, attempt INT)
    WITH ('connector' = 'filesystem', 'path' = '${{PLACE}}', 'format' = 'json')
  secrets: {{PLACE: {{file: place}}}}
  table: scored
export: {{to: versions}}
checkpoint: {{every: 1 s}}
runtime:
  worker:
    env: {{TOKEN: {{env: TOKEN}}, PYTHONPATH: "{learners}"}}
  flink:
    options:
      my.own.option: {{env: OPTION}}
      my.secret.option: {{env: OPTION}}
      restart-strategy.type: none
"""


class Seeded:
    """A folder with a pipeline whose secrets are random; knows where they may not be."""

    def __init__(self, folder: Path, learner_file: Path) -> None:
        self.folder = folder
        self.sink = folder / f"place-{secrets.token_hex(12)} it's $x é"
        self.values = {name: seed(name.lower()) for name in ("WORD", "TOKEN", "OPTION")}
        self.values["PLACE"] = f"file://{self.sink}"
        (folder / "place").write_text(self.values["PLACE"] + "\n", encoding="utf-8")
        learner = learner_file.with_name("curious.py")
        learner.write_text(LEARNER)
        self.text = PIPELINE.format(learner=learner, learners=learner_file.parent)

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in self.values.items() if name != "PLACE"}

    def refuse(self, text: str, place: str) -> None:
        """Not even a part of a value may stand in `text`."""
        for name, value in self.values.items():
            for part in re.findall("[0-9a-f]{24}", value):
                assert part not in text, f"{name} stands in {place}"

    def refuse_in_files(self, *folders: Path) -> list[str]:
        """Looks through all files but checkpoints; their names."""
        found: list[str] = []
        for folder in folders:
            for file in folder.rglob("*"):
                if file.is_file() and "checkpoints" not in file.parts:
                    self.refuse(file.read_bytes().decode(errors="replace"), str(file))
                    found.append(file.name)
        return found


@pytest.fixture
def seeded(tmp_path: Path, learner_file: Path) -> Seeded:
    return Seeded(tmp_path, learner_file)


def web_pages(address: str) -> Iterator[tuple[str, str]]:
    """What Flink's REST server says of configuration and job."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(path: str) -> str:
        with opener.open(f"{address.rstrip('/')}/{path}") as answer:
            return answer.read().decode()

    (job,) = json.loads(get("jobs"))["jobs"]
    of_job = [f"jobs/{job['id']}{page}" for page in ("", "/config", "/plan", "/exceptions", "/checkpoints/config")]
    of_job += [f"jobs/{job['id']}/jobmanager/{page}" for page in ("config", "environment")]
    for page in ("config", "jobmanager/config", "jobmanager/environment", "jobs/overview", "taskmanagers", *of_job):
        yield page, get(page)


def test_seeded_values_are_nowhere(seeded: Seeded, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in seeded.environment().items():
        monkeypatch.setenv(name, value)
    pipeline = dlf.Pipeline.from_yaml(seeded.text)
    pages: dict[str, str] = {}
    with dlf.start(pipeline, on="flink") as job:
        for progress in job.progress("200 ms"):
            seeded.refuse(repr(progress), "progress")
            if progress.web and progress.phase.startswith("waiting") and not pages:
                pages = dict(web_pages(progress.web))
                seeded.refuse(subprocess.check_output(["ps", "-eo", "args"], text=True), "ps")
        summary = job.wait()
    for page, text in pages.items():
        seeded.refuse(text, page)
    # The page that would show it is there, and says that there is something.
    assert '"my.own.option"' in pages["jobmanager/config"]
    assert "****" in pages["jobmanager/config"]
    # They did their work: the sink's path, the word within SQL's quotes, the variable of the worker.
    rows = [json.loads(line) for part in seeded.sink.glob("part-*") for line in part.read_text().splitlines()]
    assert len(rows) == summary.rows == 2_000
    assert {row["word"] for row in rows} == {hashlib.sha256(seeded.values["WORD"].encode()).hexdigest()}
    found = seeded.refuse_in_files(home, tmp_path / "versions")
    assert {"plan.json", "state.json", "summary.json", "manifest.json", "log4j2.properties"} <= set(found)
    (worker,) = (home / "secret" / "logs").glob("*-worker.log")
    assert "the token is *** " in worker.read_text()
    for text in (repr(pipeline), str(pipeline), pipeline.to_yaml(), repr(summary), json.dumps(summary.to_json())):
        seeded.refuse(text, "a text of the pipeline")


MISTAKES = {
    "misspelt connector": ("'connector' = 'filesystem'", "'connector' = 'filesystems'", "no connector or format"),
    "wrong option": ("'path' = ", "'pathh' = '${PLACE}', 'path' = ", "has no option 'pathh'"),
    "option missing": ("'format' = 'json'", "'form' = 'json'", "'form"),
    "learner raises": (':Curious"', ':Curious", raises: true', "the learner raised KeyError"),
    "SQL fails": ("MOD(id, 2) AS INT", "word AS INT", "***"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_no_error_says_them(name: str, seeded: Seeded, tmp_path: Path, home: Path) -> None:
    before, after, said = MISTAKES[name]
    assert before in seeded.text
    (tmp_path / "secret.yaml").write_text(seeded.text.replace(before, after), encoding="utf-8")
    done = subprocess.run(
        [SCRIPT, "run", "secret.yaml", "--on", "flink", "--debug"],
        cwd=tmp_path,
        env={**os.environ, **seeded.environment()},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert said in done.stderr, done.stderr
    assert "\tat org.apache.flink" in done.stderr  # Java's stack is part of it
    seeded.refuse(done.stdout + done.stderr, "what is printed")
    (log,) = (home / "secret" / "logs").glob("*-flink.log")
    if name in ("wrong option", "learner raises", "SQL fails"):
        assert "***" in log.read_text()
    found = seeded.refuse_in_files(home)
    assert {"plan.json", "state.json", "log4j2.properties"} <= set(found)


def test_a_missing_value_is_known_before_anything_runs(seeded: Seeded, tmp_path: Path, home: Path) -> None:
    (tmp_path / "secret.yaml").write_text(seeded.text, encoding="utf-8")
    environment = {**os.environ, **seeded.environment()}
    del environment["WORD"]
    done = subprocess.run(
        [SCRIPT, "run", "secret.yaml", "--on", "flink"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error[pipeline]: the environment variable WORD is not set",
        "  where:    secret.yaml:10 (source.secrets.WORD)",
        "  fix:      export WORD=... before the start",
    ]
    assert not list(home.rglob("*-flink.log"))


def test_the_digest_does_not_hang_on_values(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = dlf.Pipeline.from_yaml(seeded.text)
    monkeypatch.delenv("WORD", raising=False)
    before = digest(pipeline)
    monkeypatch.setenv("WORD", "x")
    assert digest(pipeline) == before
    assert digest(dlf.Pipeline.from_yaml(seeded.text.replace("env: WORD", "env: OTHER"))) != before
    assert dlf.Pipeline.from_yaml(pipeline.to_yaml()) == pipeline

"""YAML in, a pipeline or one refusal with its line out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dlonflink as dlf
from dlonflink.errors import PipelineError
from dlonflink.pipeline.yaml import Document

TEXT = """\
name: ctr
source:
  type: files
  paths: [a.csv]
  format: csv
  null: ""
  columns: {on: INT, y: STRING, null: DOUBLE, ts: TIMESTAMP(3), click: INT}
  event_time: {column: ts, delay: 5 s}
  key: [on]
features:
  hashed: [on, {column: y, bucket: log}]
  crossed: [[on, y]]
label: click
learner: {type: fm, dim: 8}
runtime: {on: local}
"""


def test_reads_what_python_writes() -> None:
    pipeline = dlf.Pipeline(
        name="ctr",
        source=dlf.FileSource(
            paths=("a.csv",),
            format="csv",
            null="",
            columns={"on": "INT", "y": "STRING", "null": "DOUBLE", "ts": "TIMESTAMP(3)", "click": "INT"},
            event_time=dlf.EventTime(column="ts", delay="5 s"),
            key=("on",),
        ),
        features=dlf.Features(hashed=("on", dlf.Hashed(column="y", bucket="log")), crossed=(("on", "y"),)),
        label="click",
        learner=dlf.FM(dim=8),
        runtime=dlf.Runtime(on="local"),
    )
    assert dlf.Pipeline.from_yaml(TEXT) == pipeline
    assert dlf.Pipeline.from_yaml(pipeline.to_yaml()) == pipeline


def test_custom_learner_keeps_its_arguments() -> None:
    text = TEXT.replace("{type: fm, dim: 8}", '{type: "ctr.model:Mine", rate: 1e-3, sizes: [1, 2], date: 2013-01-01}')
    learner = dlf.Pipeline.from_yaml(text).learner
    assert isinstance(learner, dlf.Custom)
    assert learner.arguments() == {"rate": 0.001, "sizes": [1, 2], "date": "2013-01-01"}
    assert dlf.Pipeline.from_yaml(dlf.Pipeline.from_yaml(text).to_yaml()).learner == learner


# what stands in TEXT, what stands there instead, and what the refusal must say
REFUSALS = [
    ("dim: 8", "dimm: 8", ["unknown key 'dimm'", "pipeline.yaml:14 (learner.dimm)", "did you mean 'dim'?"]),
    ("learner:", "lerner:", ["unknown key 'lerner'", "pipeline.yaml:14 (lerner)", "did you mean 'learner'?"]),
    ("type: fm", "type: fmm", ["unknown type 'fmm'", "14 (learner.type)", "logistic, fm", "did you mean 'fm'?"]),
    ("type: files", "tipe: files", ["'type' is missing", ":2 (source.type)", "write 'type' for 'tipe'"]),
    ("bucket: log", "bucket: lin", ["pipeline.yaml:11 (features.hashed[1].bucket)", "'log'", "'lin'"]),
    ("{column: y, bucket: log}", "{colum: y}", ["unknown key 'colum'", ":11 (", "did you mean 'column'?"]),
    ("  format: csv\n", "", ["'format' is missing", "pipeline.yaml:2 (source.format)"]),
    ("dim: 8", "dim: 3, rates: []", ["'dim' has a wrong value (and ", ":14 (learner.dim)", "3"]),
    ("delay: 5 s", "delay: 5 parsec", ["is not a duration", "pipeline.yaml:8 (source.event_time.delay)", "10 s"]),
    ("delay: 5 s", "delay: 5", ["'delay' has a wrong value", ":8 (source.event_time.delay)", "a duration: 500 ms"]),
    ("label: click", "label: click\nevaluation: {windows: [0 s]}", ["'0 s' is no time", ":14 (evaluation.windows[0])"]),
    ("label: click", "label: click\nevaluation: {metrics: []}", ["at least 1 item", ":14 (evaluation.metrics)"]),
    ("[[on, y]]", "[[on]]", ["at least 2 items", ":12 (features.crossed[0])"]),
    ("[[on, y]]", "[[on, on]]", ["a column stands twice", ":12 (features.crossed[0])"]),
    ("  format: csv", "  header: false\n  format: jsonl", ["header and null are keys of csv", ":2 (source)"]),
    ("label: click", "label: click\nembedding: {lr: -1}", ["'lr' has a wrong value", ":14 (embedding.lr)"]),
    ("dim: 8", "rates: [1, -1]", ["'rates[1]' has a wrong value", ":14 (learner.rates[1])", "greater than 0"]),
    ("dim: 8", "rates: [1, 1, 1, 1, 1, 1, 1, 1, 1]", [":14 (learner.rates)", "at most 8 items"]),
    (
        "{type: fm, dim: 8}",
        "fm",
        ["'learner' has", ":14 (learner)\n", "logistic, fm, deepfm, torch, my_", "write {type: fm}"],
    ),
    ("{type: fm, dim: 8}", "a.py:M", ["'learner' has a wrong value", ":14 (learner)\n", "write {type: a.py:M}"]),
    ("{type: fm, dim: 8}", "", ["'learner' has a wrong value", ":14 (learner)\n", "write {type: ...}"]),
    ("type: fm, ", "", ["'type' is missing", ":14 (learner.type)", "logistic, fm, deepfm, torch, my_", "add 'type'"]),
    ("[on, {column: y, bucket: log}]", "on", ["'hashed' has a wrong value", ":11 (", "a list\n"]),
    ("{on: INT, y: STRING, null: DOUBLE, ts: TIMESTAMP(3), click: INT}", "[on]", [":7 (", "a mapping\n"]),
    ("label: click", "label: click\nexport: versions", ["'export' has a wrong value", ":14 (", "a mapping\n"]),
    ("label: click", "label: click\ncheckpoint: {every: 0 s}", ["'0 s' is no time", ":14 (checkpoint.every)"]),
    ("label: click", "label: click\ncheckpoint: {every: 9 ms}", [":14 (checkpoint.every)", "write 10 ms or more"]),
    ("name: ctr", "name: ctr\nname: x", ["key 'name' stands twice", "pipeline.yaml:2"]),
    ("label: click", "label: [click", ["not YAML", "pipeline.yaml:14"]),
    ("label: click", "label: 5", ["'label' has a wrong value", "pipeline.yaml:13 (label)", "5"]),
    ("on: local", "on: mars", ["pipeline.yaml:15 (runtime.on)", "'flink' or 'local'", "'mars'"]),
    ("name: ctr", "name: A B", ["pipeline.yaml:1 (name)", "lower-case letters"]),
    ("label: click", "label: !!python/name:os.system", ["a value with the tag", "pipeline.yaml:13"]),
    ("label: click", "label: &a [*a]", ["an alias that holds itself", "pipeline.yaml:13"]),
]


@pytest.mark.parametrize(("before", "after", "said"), REFUSALS, ids=[after.strip()[:30] for _, after, _ in REFUSALS])
def test_a_refusal_names_cause_place_and_fix(before: str, after: str, said: list[str]) -> None:
    assert TEXT.count(before) == 1
    with pytest.raises(PipelineError) as refused:
        dlf.Pipeline.from_yaml(TEXT.replace(before, after))
    text = str(refused.value)
    assert len(text.splitlines()) <= 5
    for part in said:
        assert part in text


PLACES = """\
name: ctr
source:
  columns:
    ad item: INT
    ad: INT
    ad.item: INT
learner:
  type: a.py:M
runtime:
  flink:
    options:
      execution.mode: x
"""


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("source.columns.ad item", "p.yaml:4 (source.columns.ad item)"),
        ("source.columns.ad", "p.yaml:5 (source.columns.ad)"),
        ("source.columns.ad.item", "p.yaml:6 (source.columns.ad.item)"),
        ("learner.type: a.py:M", "p.yaml:8 (learner.type): a.py:M"),
        ("source.query, line 1, column 15", "p.yaml:2 (source.query), line 1, column 15"),
        ("runtime.flink.options.execution.mode: x", "p.yaml:12 (runtime.flink.options.execution.mode): x"),
        ("runtime.worker.python", "p.yaml:9 (runtime.worker.python)"),
        ("evaluation.windows[0]", "p.yaml:1 (evaluation.windows[0])"),
        ("row 5, label 'click'", "row 5, label 'click'"),
        ("log: /tmp/flink.log", "log: /tmp/flink.log"),
        ("/name/source.csv, row 3", "/name/source.csv, row 3"),
    ],
)
def test_an_error_of_a_run_gets_its_line(where: str, said: str) -> None:
    error = PipelineError("it is wrong", where=where)
    Document.parse(PLACES, "p.yaml").place(error)
    assert error.where == said


def test_the_json_schema_says_what_keys_mean() -> None:
    schema = dlf.Pipeline.model_json_schema()
    assert schema["$defs"]["FM"]["properties"]["dim"]["description"] == "Numbers an ID's factor has."


def test_the_json_schema_tells_learners_apart() -> None:
    """Editors want exactly one of the alternatives to fit."""
    schema = dlf.Pipeline.model_json_schema()
    pattern = schema["$defs"]["Custom"]["properties"]["type"]["pattern"]
    assert re.search(pattern, "examples/perceptron.py:Perceptron")
    assert not [one for one in ("logistic", "fm") if re.search(pattern, one)]


@pytest.mark.parametrize(
    "text", ["", "- a\n", "just words", "\x00", "a: b: c", "{", "? [a]\n: b", "%YAML 9.9\n---\na: 1"]
)
def test_what_is_no_pipeline_is_refused(text: str) -> None:
    with pytest.raises(PipelineError):
        dlf.Pipeline.from_yaml(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(PipelineError):
        dlf.Pipeline.from_yaml(text)


@given(st.data())
def test_any_damage_is_read_or_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT)))
    end = data.draw(st.integers(start, min(len(TEXT), start + 20)))
    text = TEXT[:start] + data.draw(st.text(max_size=10)) + TEXT[end:]
    try:
        pipeline = dlf.Pipeline.from_yaml(text)
    except PipelineError as error:
        assert str(error.where).startswith("pipeline.yaml")  # noqa: PT017 - it may be read just as well
    else:
        assert dlf.Pipeline.from_yaml(pipeline.to_yaml()) == pipeline

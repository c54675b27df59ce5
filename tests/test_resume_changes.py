"""What a checkpoint takes of changes: marks, refusals, and that what goes on is what it was up to the change."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clicks
import dlonflink as dlf
import golden_snapshots
from dlonflink.errors import ResumeError
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.runtime.resume import only_sinks_differ, refuse_changes
from dlonflink.settings import OnResume, Settings
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.trainer import Trainer

COUNT = 300
LEARNERS = {"logistic": clicks.LOGISTIC, "fm": clicks.FM, "batched": clicks.PERCEPTRON}
FEATURES: dict[str, list[Any]] = {"hashed": ["site", "ad"], "crossed": [["site", "ad"]], "dense": ["price"]}


def trainer(plan: TrainingPlan) -> Trainer:
    return Trainer(plan, clicks.SCHEMA, run="run-1", attempt=0)


def snapshot_of(plan: TrainingPlan, rows: int) -> tuple[Trainer, bytes]:
    one = trainer(plan)
    one.feed(clicks.rows(rows), 0.0)
    return one, b"".join(one.copy(3).chunks())


def resumed(plan: TrainingPlan, data: bytes) -> Trainer:
    one = trainer(plan)
    one.restore(data)
    return one


# --- marks ---


def descriptions(model: type[Settings] = Pipeline, seen: set[type] | None = None) -> set[type[Settings]]:
    """Every description that a pipeline may hold."""
    seen = set() if seen is None else seen
    seen.add(model)
    for name, annotation in get_type_hints(model, include_extras=True).items():
        if name in model.model_fields:
            for inner in mentioned(annotation):
                if inner not in seen:
                    descriptions(inner, seen)
    return seen


def mentioned(annotation: Any) -> list[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [one for argument in getattr(annotation, "__args__", ()) for one in mentioned(argument)]


@pytest.mark.parametrize("model", sorted(descriptions(), key=lambda one: one.__name__), ids=lambda one: one.__name__)
def test_every_key_is_marked_once(model: type[Settings]) -> None:
    marks = model.marks()
    assert marks != OnResume(), f"{model.__name__} says nothing of a resume: on_resume = OnResume(...)"
    marked = [*marks.kept, *marks.free, *marks.sized, *marks.added, *marks.inside]
    assert sorted(marked) == sorted(model.model_fields)


def test_settings_that_a_pipeline_cannot_reach_need_no_marks() -> None:
    assert len(descriptions()) > 20
    assert TrainingPlan not in descriptions()


# --- what may change ---

FREE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "windows": {"evaluation": {"windows": ["1 min", 100]}},
    "no windows": {"evaluation": {"windows": []}},
    "key": {"key": []},
    "a vocabulary said aloud": {"features": {**FEATURES, "hashed": ["site", {"column": "ad", "vocabulary": "ad"}]}},
    "scored": {"scored": False},
    "not in an order of their own": {"deterministic": False},
}


@pytest.mark.parametrize("change", FREE)
@pytest.mark.parametrize("kind", LEARNERS)
def test_what_does_not_touch_learning_changes_no_bit(kind: str, change: str) -> None:
    plan = clicks.plan(LEARNERS[kind])
    whole = trainer(plan)
    whole.feed(clicks.rows(COUNT), 0.0)
    whole.finish()
    before, data = snapshot_of(plan, 133)
    one = resumed(clicks.plan(LEARNERS[kind], **FREE[change]), data)
    assert one.state_digest() == before.state_digest()
    one.feed(clicks.rows(COUNT).slice(133), 0.0)
    one.finish()
    assert (one.rows, one.state_digest()) == (COUNT, whole.state_digest())
    assert one.report()["metrics"] == whole.report()["metrics"]


def test_a_new_window_begins_with_the_next_row_and_the_others_go_on() -> None:
    plan = clicks.plan(clicks.LOGISTIC, evaluation={"windows": [100, 70]})
    _, data = snapshot_of(plan, 130)
    one = resumed(clicks.plan(clicks.LOGISTIC, evaluation={"windows": [100, 60]}), data)
    one.feed(clicks.rows(COUNT).slice(130), 0.0)
    told = [(w["size"], w["start"], w["end"], w["rows"]) for w in one.final_report()["windows"]]
    assert told == [
        (100, 0, 100, 100), (100, 100, 200, 100), (100, 200, 300, 100),
        (60, 120, 180, 50), (60, 180, 240, 60), (60, 240, 300, 60),
    ]  # fmt: skip


ROWS = clicks.rows(COUNT).to_pylist()


class Reference:
    """Logistic regression with one step size, row by row: what `logistic` is said to do, in ten lines."""

    def __init__(self) -> None:
        self.weights: dict[object, tuple[float, float]] = {}

    def score(self, row: Mapping[str, Any], features: Mapping[str, list[Any]], rate: float) -> float:
        values: dict[object, float] = {None: 1.0}  # the bias
        values |= {("hashed", name, row[name]): 1.0 for name in features.get("hashed", [])}
        values |= {("crossed", *names, *(row[name] for name in names)): 1.0 for names in features.get("crossed", [])}
        values |= {("dense", name): row[name] for name in features.get("dense", []) if row[name]}
        alpha = rate / sum(len(names) for names in features.values())
        p = 1 / (1 + math.exp(-sum(self.weights.get(id_, (0.0, 0.0))[0] * x for id_, x in values.items())))
        for id_, x in values.items():
            w, n = self.weights.get(id_, (0.0, 0.0))
            g = (p - row["click"]) * x
            n += g * g
            self.weights[id_] = (w - alpha * g / (1 + math.sqrt(n)), n)
        return p


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.integers(0, COUNT),
    rate=st.sampled_from([0.5, 2.0, 4.0]),
    added=st.sampled_from([{}, {"crossed": [["site", "ad"]]}, {"hashed": ["site", "ad"]}, {"dense": ["price"]}]),
)
def test_a_changed_rate_and_an_added_feature_act_from_there_on(
    cut: int, rate: float, added: dict[str, list[Any]]
) -> None:
    """An added ID begins like one that was never seen, a number's weight at zero; steps are divided by more columns."""
    before, after = {"hashed": ["site"]}, {"hashed": ["site"]} | added
    _, data = snapshot_of(clicks.plan({"type": "logistic", "rates": [4.0]}, features=before), cut)
    one = resumed(clicks.plan({"type": "logistic", "rates": [rate]}, features=after), data)
    scored = one.feed(clicks.rows(COUNT).slice(cut), 0.0)
    reference = Reference()
    for row in ROWS[:cut]:
        reference.score(row, before, 4.0)
    expected = [reference.score(row, after, rate) for row in ROWS[cut:]]
    got = [score for batch in scored for score in batch.column("score").to_pylist()]
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_an_added_feature_leaves_what_was_learned_as_it_is() -> None:
    before, data = snapshot_of(clicks.plan(clicks.FM, features={"hashed": ["ad"]}), COUNT)
    after = {"hashed": ["site", "ad"], "dense": ["price"]}  # in front of the one that was there
    assert resumed(clicks.plan(clicks.FM, features=after), data).state_digest() == before.state_digest()


def test_waiting_rows_may_have_more_columns_than_are_read_now() -> None:
    before, data = snapshot_of(clicks.plan(clicks.PERCEPTRON), 100)
    assert before.held
    fewer = clicks.SCHEMA.remove(clicks.SCHEMA.get_field_index("id"))
    one = Trainer(clicks.plan(clicks.PERCEPTRON, key=[]), fewer, run="run-2", attempt=0)
    one.restore(data)
    assert one.held == before.held
    one.feed(clicks.rows(COUNT).slice(100).select(fewer.names), 0.0)
    assert one.taken == COUNT


# --- what may not ---

KEPT: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "dim": (clicks.FM, {"learner": clicks.FM | {"dim": 8}}, "learner.dim"),
    "seed": (clicks.FM, {"learner": clicks.FM | {"seed": 1}}, "learner.seed"),
    "rates, another number of them": (clicks.FM, {"learner": clicks.FM | {"rates": [1.0]}}, "learner.rates"),
    "learner": (clicks.FM, {"learner": clicks.LOGISTIC}, "learner.type"),
    "argument of a learner of one's own": (
        clicks.PERCEPTRON, {"learner": clicks.PERCEPTRON | {"rate": 0.1}}, "learner.rate",
    ),
    "batch": (clicks.PERCEPTRON, {"learner": clicks.PERCEPTRON | {"batch": 8}}, "learner.batch"),
    "embedding": (clicks.PERCEPTRON, {"embedding": {"dim": 8}}, "embedding.dim"),
    "label": (clicks.FM, {"labels": [{"column": "ad"}]}, "label.column"),
    "metrics": (clicks.FM, {"evaluation": {"metrics": ["auc"]}}, "evaluation.metrics"),
    "a feature less": (clicks.FM, {"features": FEATURES | {"dense": []}}, "features.dense"),
    "vocabulary": (
        clicks.FM,
        {"features": FEATURES | {"hashed": ["site", {"column": "ad", "vocabulary": "x"}]}},
        "features.hashed[1].vocabulary",
    ),
    "bucket": (
        clicks.FM,
        {"features": FEATURES | {"hashed": ["site", {"column": "ad", "bucket": "log"}]}},
        "features.hashed[1].bucket",
    ),
    "transform": (
        clicks.FM,
        {"features": FEATURES | {"dense": [{"column": "price", "transform": "log1p"}]}},
        "features.dense[0].transform",
    ),
    "a feature more, by place": (
        clicks.PERCEPTRON, {"features": FEATURES | {"dense": ["price", "ad"]}}, "features.dense",
    ),
    "another order, by place": (
        clicks.PERCEPTRON, {"features": FEATURES | {"hashed": ["ad", "site"]}}, "features.hashed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", KEPT)
def test_a_forbidden_change_names_the_key_and_the_way_out(change: str) -> None:
    learner, changed, place = KEPT[change]
    changes = dict(changed)
    _, data = snapshot_of(clicks.plan(learner), 50)
    with pytest.raises(ResumeError) as refused:
        resumed(clicks.plan(changes.pop("learner", learner), **changes), data)
    assert refused.value.where == place
    assert "--fresh" in (refused.value.fix or "")
    assert len(str(refused.value).splitlines()) <= 10


def test_the_type_of_an_id_is_kept_and_that_of_a_number_is_not() -> None:
    plan = clicks.plan(clicks.LOGISTIC)
    _, data = snapshot_of(plan, 50)

    def with_type(column: str, type_: pa.DataType) -> Trainer:
        at = clicks.SCHEMA.get_field_index(column)
        one = Trainer(plan, clicks.SCHEMA.set(at, pa.field(column, type_)), run="run-2", attempt=0)
        one.restore(data)
        return one

    assert with_type("price", pa.float32()).rows == 50
    with pytest.raises(ResumeError, match=r"source\.columns\.ad"):
        with_type("ad", pa.utf8())


def test_code_of_ones_own_may_move() -> None:
    _, data = snapshot_of(clicks.plan(clicks.PERCEPTRON), 50)
    moved = clicks.PERCEPTRON | {"type": "batched_learners.py:Perceptron"}  # found on the path
    assert resumed(clicks.plan(moved), data).rows + resumed(clicks.plan(moved), data).held == 50


# --- the same before anything runs ---

FILES = dlf.FileSource(paths=("a.csv",), format="csv", columns={"a": "STRING", "y": "INT"})
SQL = dlf.SqlSource(ddl="CREATE TABLE t (a INT) WITH ('connector' = 'kafka')", table="t")


def pipeline(**changes: Any) -> dlf.Pipeline:
    sections = {
        "name": "p", "source": FILES, "features": dlf.Features(hashed=("a",)), "label": "y", "learner": dlf.FM(),
    }  # fmt: skip
    return dlf.Pipeline(**(sections | changes))


def with_source(source: dlf.FileSource | dlf.SqlSource, **changes: Any) -> dlf.Pipeline:
    return pipeline(source=source.model_copy(update=changes))


@pytest.mark.parametrize(
    ("before", "now", "place"),
    [
        (pipeline(), pipeline(learner=dlf.FM(dim=32)), "learner.dim"),
        (pipeline(), pipeline(features=dlf.Features(hashed=("b",))), "features.hashed"),
        (pipeline(), pipeline(label="z"), "label.column"),
        (pipeline(), with_source(FILES, paths=("a.csv", "b.csv")), "source.paths"),
        (pipeline(), with_source(FILES, rejects=dlf.Rejects()), "source.rejects"),
        (pipeline(), with_source(SQL), "source.type"),
        (with_source(SQL), with_source(SQL, ddl=SQL.ddl.replace("kafka", "datagen")), "source.ddl"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_forbidden_change_is_known_before_anything_runs(before: dlf.Pipeline, now: dlf.Pipeline, place: str) -> None:
    read = Pipeline.model_validate(json.loads(before.model_dump_json()))
    with pytest.raises(ResumeError) as refused:
        refuse_changes(read, now)
    assert refused.value.where == place


SINK = dlf.FileSink(path="scored")


@pytest.mark.parametrize(
    ("before", "now", "sinks_alone"),
    [
        (pipeline(), pipeline(name="q", learner=dlf.FM(rates=(1.0, 2.0, 3.0))), False),
        (pipeline(), pipeline(features=dlf.Features(hashed=("b", "a"), dense=("c",))), False),
        (pipeline(), with_source(FILES, query="SELECT * FROM source WHERE y < 2", key=("a",)), False),
        (pipeline(), pipeline(sink=SINK, runtime=dlf.Runtime(flink=dlf.Flink(parallelism=3))), True),
        (with_source(SQL), with_source(SQL, rejects=dlf.Rejects()), True),
        (with_source(SQL), with_source(SQL, ddl=f"{SQL.ddl};").model_copy(update={"sink": SINK}), False),
    ],
)
def test_what_may_change_passes(before: dlf.Pipeline, now: dlf.Pipeline, sinks_alone: bool) -> None:
    read = Pipeline.model_validate(json.loads(before.model_dump_json()))
    refuse_changes(read, now)
    assert only_sinks_differ(read, now) is sinks_alone


# --- on Flink ---

TOTAL = 30_000


def numbers(rate: int, **changes: Any) -> dlf.Pipeline:
    ddl = f"""CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence',
        'fields.id.start' = '1', 'fields.id.end' = '{TOTAL}', 'rows-per-second' = '{rate}')"""
    query = "SELECT id, MOD(id, 7) AS a, MOD(id, 11) AS b, MOD(id, 2) AS y FROM source"
    sections: dict[str, Any] = {
        "name": "numbers",
        "source": dlf.SqlSource(ddl=ddl, table="numbers", query=query, key=("id",)),
        "features": dlf.Features(hashed=("a",)),
        "label": "y",
        "learner": dlf.Logistic(),
        "checkpoint": dlf.Checkpoint(every="500 ms"),
    }
    return dlf.Pipeline(**(sections | changes))


def until_a_checkpoint(one: dlf.Pipeline, **how: bool) -> None:
    with dlf.start(one, on="flink", **how) as job:
        for progress in job.progress("200 ms"):
            if progress.checkpoints >= 2 and progress.rows > 0:
                return


def ids(folder: Path) -> list[int]:
    return [json.loads(line)["id"] for file in sorted(folder.glob("[!.]*")) for line in file.read_text().splitlines()]


@pytest.mark.timeout(400)  # three starts of a JVM
def test_sink_parallelism_rates_and_features_change_over_two_resumes(tmp_path: Path) -> None:
    """Every row is learned once, and those after a sink's end stand in the next one, once."""
    two = dlf.Runtime(flink=dlf.Flink(parallelism=2))
    first, second = (dlf.FileSink(path=str(tmp_path / name)) for name in ("first", "second"))
    until_a_checkpoint(numbers(300, sink=first))
    changes = {"learner": dlf.Logistic(rates=(1.0, 4.0, 12.0)), "features": dlf.Features(hashed=("b", "a"))}
    until_a_checkpoint(numbers(300, runtime=two, **changes), resume=True)
    done = dlf.run(numbers(200_000, sink=second, **changes), on="flink", resume=True)
    assert done.rows == TOTAL
    before, after = ids(tmp_path / "first"), ids(tmp_path / "second")
    assert 0 < len(before) < TOTAL
    assert 0 < len(after) < TOTAL
    assert len({*before, *after}) == len(before) + len(after)
    assert set(after) >= set(range(TOTAL - 1_000, TOTAL + 1))


# --- later releases ---


@pytest.mark.parametrize("told", sorted(golden_snapshots.FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_every_golden_snapshot_is_still_read(told: Path) -> None:
    expected = json.loads(told.read_text())
    plan = TrainingPlan.model_validate(expected.pop("plan"))
    one = Trainer(plan, clicks.SCHEMA, run="later", attempt=0)
    restored = one.restore(gzip.decompress(told.with_suffix(".snapshot.gz").read_bytes()))
    assert (restored.run, restored.checkpoint, restored.version) == ("golden", 3, 5)
    found = golden_snapshots.truth_of(one)
    # The state is bits that were kept; scores are computed, by this machine's libraries.
    np.testing.assert_allclose(found.pop("scores"), expected.pop("scores"), atol=1e-4)
    assert found == expected


def test_this_format_has_its_golden_snapshots() -> None:
    names = {file.stem for file in golden_snapshots.FOLDER.glob(f"v{golden_snapshots.snapshot.VERSION}-*.json")}
    wanted = {f"v{golden_snapshots.snapshot.VERSION}-{name}" for name in golden_snapshots.LEARNERS}
    assert names >= wanted, "run: python tests/golden_snapshots.py"

"""A published version scores as the learner that was published."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.errors import CorruptionError, DataError, VersionNotFound
from dlonflink.features.batch import Truth
from dlonflink.features.columns import Crossed, Dense, Features, Hashed
from dlonflink.features.encode import Encoder
from dlonflink.features.golden import golden
from dlonflink.features.rows import rows as batch_of
from dlonflink.features.spec import FeatureSpec
from dlonflink.learners.base import Inputs
from dlonflink.learners.build import build
from dlonflink.learners.settings import FM, Custom, Logistic
from dlonflink.serving.model import load
from dlonflink.store.manifest import ModelSpec, Origin, Output, Provenance
from dlonflink.store.provenance import libraries
from dlonflink.store.store import Store
from dlonflink.store.version import Draft

FEATURES = Features(
    hashed=("carrier", "hour", Hashed(column="stops", pooling="mean")),
    crossed=(Crossed(columns=("carrier", "hour")),),
    dense=(Dense(column="distance", transform="log1p"),),
)
COLUMNS = {"carrier": "STRING", "hour": "INT", "stops": "ARRAY<STRING>", "distance": "DOUBLE"}

PERCEPTRON = """
import numpy as np
from dlonflink import Learner, Snapshot


class Perceptron(Learner):
    def __init__(self, inputs, rate=0.1):
        self.tables, self.rate, self.bias = inputs.tables, rate, np.zeros(1, np.float32)

    def predict(self, batch):
        return self._score(self.tables.lookup(batch))

    def learn(self, batch, truth):
        scores = self._score(self.tables.gather(batch))
        error = (scores - truth.labels) * truth.weights
        self.tables.apply(batch, np.repeat(self.rate * error, batch.ids.shape[1], axis=1)[:, :, None])
        self.bias = self.bias - np.float32(self.rate) * error.mean()
        return scores

    def snapshot(self):
        return Snapshot(weights={"bias": self.bias})

    def restore(self, snapshot):
        self.bias = snapshot.weights["bias"].copy()

    def _score(self, rows):
        return 1 / (1 + np.exp(-(self.bias + rows.sum(axis=1)), dtype=np.float32))
"""


def stream(n: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    carriers = [None, "UA", "AA", "Ö3", ""]
    return [
        {
            "carrier": carriers[rng.integers(5)],
            "hour": int(rng.integers(24)),
            "stops": [f"s{k}" for k in rng.integers(9, size=rng.integers(4))],
            "distance": float(rng.integers(3_000)),
        }
        for _ in range(n)
    ]


@dataclass
class Trained:
    """What a trainer holds when it publishes."""

    spec: ModelSpec
    encoder: Encoder
    tables: Tables
    learner: Any

    def draft(self, checkpoint: int = 1) -> Draft:
        return Draft(
            weights=self.learner.snapshot().weights,
            table=self.tables.served(),
            origin=Origin(
                name="flights",
                run="r1",
                attempt=0,
                checkpoint=checkpoint,
                rows=500,
                event_time=None,
                metrics={"auc": 0.7},
            ),
            model=self.spec,
            provenance=Provenance(pipeline_digest="0" * 64, code_digest="1" * 64, libraries=libraries()),
        )

    def predict(self, rows: list[dict[str, Any]]) -> np.ndarray:
        return self.learner.predict(self.encoder.encode(batch_of(self.spec.features, rows)))


def trained(learner: FM | Logistic | Custom, dim: int = 16) -> Trained:
    features = FeatureSpec(features=FEATURES, columns=COLUMNS)
    encoder = Encoder(features)
    embedding = Embedding(dim=dim)
    tables = Tables(embedding, learner.seed)
    inputs = Inputs(
        features=encoder.features,
        lists=encoder.lists,
        dense=encoder.dense,
        columns=len(FEATURES),
        labels=1,
        tables=tables,
        seed=learner.seed,
    )
    spec = ModelSpec(
        features=features,
        golden=golden(features),
        outputs=(Output(label="late"),),
        learner=learner,
        embedding=embedding,
    )
    made = Trained(spec, encoder, tables, build(learner, inputs))
    rows = stream(500, seed=1)
    labels = np.array([[row["hour"] > 12] for row in rows], np.float32)
    made.learner.learn(encoder.encode(batch_of(features, rows)), Truth(labels, np.ones_like(labels)))
    return made


@pytest.fixture(params=["logistic", "fm", "fm-simple", "custom"])
def one(request: pytest.FixtureRequest, tmp_path: Path) -> Trained:
    (tmp_path / "perceptron.py").write_text(PERCEPTRON)
    learners = {
        "logistic": Logistic(seed=3),
        "fm": FM(dim=8, seed=3),
        "fm-simple": FM(dim=4, rates=(4.0,)),
        "custom": Custom(type=f"{tmp_path}/perceptron.py:Perceptron", rate=0.05),
    }
    return trained(learners[request.param], dim=1)


def test_a_served_version_scores_as_its_learner_to_the_bit(one: Trained, tmp_path: Path) -> None:
    Store(str(tmp_path / "versions")).open("r1", 0).publish(one.draft())
    model = load(tmp_path / "versions")
    rows = stream(300, seed=2)  # IDs never seen among them
    expected = one.predict(rows)
    assert expected.std() > 0.01  # it learned something
    prediction = model.predict(rows)
    assert_array_equal(prediction.scores, expected, strict=True)
    assert_array_equal(model.predict_batch(batch_of(one.spec.features, rows)), expected, strict=True)
    by_row = [model.predict([row]).scores[0] for row in rows[:20]]
    assert_array_equal(np.array(by_row), expected[:20])
    assert (prediction.version, prediction.labels) == (1, ("late",))


@pytest.fixture
def published(tmp_path: Path) -> tuple[Store, Trained]:
    store, one = Store(str(tmp_path)), trained(Logistic())
    publisher = store.open("r1", 0, keep=2)
    for checkpoint in range(1, 4):
        publisher.publish(one.draft(checkpoint))
    return store, one


def test_the_newest_version_is_loaded_unless_one_is_named(published: tuple[Store, Trained]) -> None:
    url = published[0].url
    assert load(url).version == 3
    assert load(url, version=2).version == 2
    with pytest.raises(VersionNotFound, match="files of version 1 are gone"):
        load(url, version=1)
    with pytest.raises(VersionNotFound, match="no version 9"):
        load(url, version=9)


def test_no_version_at_all(tmp_path: Path) -> None:
    with pytest.raises(VersionNotFound, match="there is no version here") as caught:
        load(tmp_path / "nowhere")
    assert caught.value.where == str(tmp_path / "nowhere")


def test_it_reads_well(published: tuple[Store, Trained]) -> None:
    model = load(published[0].url)
    assert repr(model) == "Model('flights', version=3, labels=('late',), rows=500)"
    shown = repr(model.predict([{"carrier": "UA", "hour": 5}]))
    assert shown.startswith("Prediction(scores=[[0.")
    assert shown.endswith("]], labels=('late',), version=3)")
    assert len(repr(model.predict(stream(1_000, seed=3)))) < 300


def test_rows_may_lack_columns_and_have_others(published: tuple[Store, Trained]) -> None:
    model = load(published[0].url)
    whole = {"carrier": "UA", "hour": None, "stops": None, "distance": None}
    assert_array_equal(model.predict([{"carrier": "UA", "late": 1}]).scores, model.predict([whole]).scores)
    assert model.predict([]).scores.shape == (0, 1)
    with pytest.raises(DataError, match="hour"):
        model.predict([{"hour": "noon"}])


def test_a_batch_may_have_more_columns_in_another_order(published: tuple[Store, Trained]) -> None:
    store, one = published
    rows = stream(50, seed=4)
    batch = batch_of(one.spec.features, rows)
    names = [*reversed(batch.schema.names), "other"]
    columns = [*(batch.column(name) for name in names[:-1]), pa.array(range(50))]
    turned = pa.RecordBatch.from_arrays(columns, names=names)
    assert_array_equal(load(store.url).predict_batch(turned), one.predict(rows))


def test_an_encoder_that_gives_other_ids_is_refused(tmp_path: Path) -> None:
    one = trained(Logistic())
    other = {**one.spec.golden, "more": ["00ff"]}
    draft = replace(one.draft(), model=one.spec.model_copy(update={"golden": other}))
    Store(str(tmp_path)).open("r1", 0).publish(draft)
    with pytest.raises(CorruptionError, match="encoder that gives other IDs") as caught:
        load(tmp_path)
    assert "dlonflink" in (caught.value.fix or "")

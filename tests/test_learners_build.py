"""Learners by description: what is refused, and what the refusal teaches."""

from __future__ import annotations

import numpy as np
import pytest

from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.errors import LearnerError, PipelineError, ResumeError, SetupError
from dlonflink.learners.base import Inputs, Snapshot
from dlonflink.learners.build import build
from dlonflink.learners.fm import FMLearner
from dlonflink.learners.linear import LogisticLearner
from dlonflink.learners.settings import FM, Custom, Logistic

GOOD = """
import numpy as np
from dlonflink.learners.base import Learner, Snapshot

class Half(Learner):
    def __init__(self, inputs, rate: float = 1.0, depth: int = 2):
        if depth < 0:
            raise ValueError("depth must not be negative")
        self.rate = rate
    def predict(self, batch): return np.full((batch.size, 1), 0.5, np.float32)
    def learn(self, batch, truth): return self.predict(batch)
    def snapshot(self): return Snapshot({})
    def restore(self, snapshot): pass

class Unfinished(Learner):
    def __init__(self, inputs): pass
    def predict(self, batch): pass

class NotOne: pass
"""


def inputs(labels=1):
    return Inputs(("a",), (), 0, 1, labels, Tables(Embedding(), 0), 0)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(GOOD)
    return str(path)


def refusal(kind, settings, **keywords):
    with pytest.raises(kind) as caught:
        build(settings, inputs(**keywords))
    text = str(caught.value)
    assert len(text.splitlines()) <= 10
    assert caught.value.fix
    return text


def test_compiled_learners_by_name():
    assert isinstance(build(Logistic(), inputs()), LogisticLearner)
    assert isinstance(build(FM(dim=8), inputs()), FMLearner)


def test_by_file_and_by_module(file, monkeypatch, tmp_path):
    learner = build(Custom.model_validate({"type": f"{file}:Half", "rate": 3.0}), inputs())
    assert learner.rate == 3.0
    package = tmp_path / "shop_of_ours"
    package.mkdir()
    (package / "ctr.py").write_text(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert type(build(Custom(type="shop_of_ours.ctr:Half"), inputs())).__name__ == "Half"
    text = refusal(PipelineError, Custom(type="shop_of_ours.crt:Half"))
    assert "there is no shop_of_ours.crt" in text


def test_two_files_of_one_name_do_not_meet(tmp_path):
    kinds = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "model.py").write_text(GOOD + f"\nHalf.place = {place!r}\n")
        kinds.append(type(build(Custom(type=f"{tmp_path / place / 'model.py'}:Half"), inputs())))
    assert [kind.place for kind in kinds] == ["a", "b"]


def test_a_name_that_is_not_there(file):
    assert "did you mean" in refusal(PipelineError, Custom(type=f"{file}:Hlaf"))
    assert "Half, Unfinished" in refusal(PipelineError, Custom(type=f"{file}:Zebra"))
    assert "file is not there" in refusal(PipelineError, Custom(type="no/such/file.py:Half"))
    assert "there is no nowhere_at_all" in refusal(PipelineError, Custom(type="nowhere_at_all:Half"))


def test_what_is_not_a_learner(file):
    assert "subclass of dlonflink.Learner" in refusal(PipelineError, Custom(type=f"{file}:NotOne"))
    text = refusal(PipelineError, Custom(type=f"{file}:Unfinished"))
    assert "learn, restore, snapshot" in text


def test_wrong_arguments(file):
    text = refusal(PipelineError, Custom.model_validate({"type": f"{file}:Half", "raet": 1.0}))
    assert "did you mean 'rate'?" in text
    assert "keys rate, depth" in text


def test_a_constructor_that_raises(file):
    settings = Custom.model_validate({"type": f"{file}:Half", "depth": -1})
    assert "ValueError: depth must not be negative" in refusal(LearnerError, settings)


def test_a_file_that_does_not_import(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("1 / 0\n")
    assert "ZeroDivisionError" in refusal(LearnerError, Custom(type=f"{path}:Half"))
    path = tmp_path / "needy.py"
    path.write_text("import a_package_nobody_has.part\n")
    text = refusal(SetupError, Custom(type=f"{path}:Half"))
    assert "pip install a_package_nobody_has" in text


def test_several_labels_are_refused_by_compiled_learners():
    for settings in (Logistic(), FM()):
        assert "2 labels" in refusal(PipelineError, settings, labels=2)


def test_a_snapshot_of_other_settings_is_refused():
    snapshot = build(FM(rates=(1.0, 2.0)), inputs()).snapshot()
    with pytest.raises(ResumeError, match="other settings"):
        build(FM(), inputs()).restore(snapshot)
    with pytest.raises(ResumeError, match="other settings"):
        build(Logistic(), inputs()).restore(Snapshot({"bias": np.zeros(3)}))

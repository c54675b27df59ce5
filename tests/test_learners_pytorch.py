"""Modules of a user's own: what they see, how they learn, how they are kept, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import dlonflink as dlf
import torch_modules
from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.errors import LearnerError, PipelineError, ResumeError, SetupError
from dlonflink.features.batch import Bag, Batch, Ragged, Truth
from dlonflink.learners.base import Inputs, Snapshot
from dlonflink.learners.build import build
from dlonflink.learners.pytorch import TorchBatch, TorchInputs
from dlonflink.learners.settings import Torch
from dlonflink.testing import laws
from dlonflink.testing.streams import FEATURES, LISTS, Stream, cut, random_rows

FILE = str(Path(torch_modules.__file__))
WIDE = f"{FILE}:Wide"


@pytest.mark.parametrize("law", laws("torch", module=WIDE, args={"dropout": 0.5, "normed": True}), ids=str)
def test_laws_with_dropout_and_running_norms(law):
    law()


@pytest.mark.parametrize("law", laws("torch", module=f"{FILE}:Attentive", optimizer="SGD", lr=0.1), ids=str)
def test_laws_with_sequences(law):
    law()


def inputs(embedding=None, labels=1, seed=0):
    tables = Tables(embedding or Embedding(dim=4), seed)
    return Inputs(FEATURES, LISTS, 1, 6, labels, tables, seed)


def learner(settings=None, **keywords):
    return build(settings or Torch(module=WIDE), inputs(**keywords))


# --- what a module sees ---


def batch_of(lists, pooling):
    offsets = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    values = np.array([one for row in lists for one in row], np.uint64)
    n = len(lists)
    ids = np.arange(n, dtype=np.uint64)[:, None] + np.uint64(100)
    bag = Bag(np.zeros(0, np.uint64), None, np.zeros(n + 1, np.int64), 0)
    return Batch(
        n, ids, {"tags": Ragged(values, offsets, pooling)}, np.zeros((n, 0), np.float32), np.zeros(n, np.int64), bag
    )


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_lists_are_pooled_or_kept(pooling):
    batch = batch_of([[1, 2, 3], [], [2]], pooling)
    values = torch.arange(7 * 2).float().view(7, 2)  # 3 single values, then 4 of the list
    x = TorchBatch(batch, values, TorchInputs(("user",), ("tags",), 0, 2, 1))
    assert len(x) == 3
    assert x.dense.shape == (3, 0)
    assert x["user"].tolist() == [[0, 1], [2, 3], [4, 5]]
    share = 1 if pooling == "sum" else 1 / 3
    assert torch.allclose(x["tags"], torch.tensor([[24.0 * share, 27.0 * share], [0.0, 0.0], [12.0, 13.0]]))
    rows, mask = x.rows("tags")
    assert mask.tolist() == [[True] * 3, [False] * 3, [True, False, False]]
    assert rows[0].tolist() == [[6, 7], [8, 9], [10, 11]]
    assert rows[2].tolist() == [[12, 13], [0, 0], [0, 0]]
    assert not rows[1].any()
    single, one = x.rows("user")
    assert single.shape == (3, 1, 2)
    assert one.all()


def test_of_empty_lists_the_longest_is_one():
    batch = batch_of([[], []], "sum")
    x = TorchBatch(batch, torch.zeros(2, 2), TorchInputs(("user",), ("tags",), 0, 2, 1))
    rows, mask = x.rows("tags")
    assert rows.shape == (2, 1, 2)
    assert not mask.any()


# --- how it learns: beside plain torch ---


class Plain(nn.Module):
    """`Wide` with a table of its own: one row for each distinct ID, started at zeros, stepped by hand."""

    def __init__(self, ids, dim):
        super().__init__()
        self.place = {int(one): i for i, one in enumerate(ids)}
        self.table = torch.zeros(len(ids), dim)
        self.squares = torch.zeros(len(ids))

    def learn(self, wide, optimizer, stream):
        batch, truth = stream
        table = self.table.clone().requires_grad_()
        at = torch.tensor([[self.place[int(one)] for one in row] for row in batch.ids])
        tags = batch.lists["tags"]
        pooled = [
            table[[self.place[int(one)] for one in tags.values[a:b]]].sum(dim=0)
            for a, b in zip(tags.offsets[:-1], tags.offsets[1:], strict=True)
        ]
        x = torch.cat([table[at].flatten(1), torch.stack(pooled), torch.tensor(batch.dense)], dim=1)
        logits = wide.out(torch.relu(wide.hidden(x)))
        weights = torch.tensor(truth.weights)
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, torch.tensor(truth.labels), weight=weights, reduction="sum"
        )
        optimizer.zero_grad()
        (loss / weights.sum()).backward()
        optimizer.step()
        gradient = table.grad * weights.sum()
        self.squares += gradient.square().mean(dim=1)
        self.table -= 0.1 * gradient / (1 + self.squares.sqrt())[:, None]
        return torch.sigmoid(logits).detach().numpy()


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 0.5, 2.0)])
def test_it_learns_what_plain_torch_learns(weights):
    stream = random_rows(320, seed=3, mixed=True)
    truth = Truth(stream.truth.labels, np.resize(np.array(weights, np.float32), (320, 1)))
    stream = Stream(stream.batch, truth)
    ours = learner(embedding=Embedding(dim=4, init=0.0))
    wide = torch_modules.Wide(TorchInputs(FEATURES, LISTS, 1, 4, 1))
    wide.load_state_dict({k: torch.tensor(v) for k, v in ours.snapshot().weights.items()})
    optimizer = torch.optim.Adam(wide.parameters(), lr=1e-3)
    every = np.unique(np.concatenate([stream.batch.ids.ravel(), stream.batch.lists["tags"].values]))
    plain = Plain(every, 4)
    for first in range(0, 320, 64):
        part = cut(stream, first, first + 64)
        np.testing.assert_allclose(ours.learn(*part), plain.learn(wide, optimizer, part), atol=2e-6)
    for name, array in ours.snapshot().weights.items():
        np.testing.assert_allclose(array, wide.state_dict()[name].numpy(), atol=1e-5)


def test_an_id_that_a_list_and_a_column_share_makes_one_step():
    """(sum g)², not sum(g²): the accumulator tells."""
    ids = np.array([[7], [8]], np.uint64)
    tags = Ragged(np.array([7, 7], np.uint64), np.array([0, 2, 2]))
    bag = Bag(np.zeros(0, np.uint64), None, np.zeros(3, np.int64), 0)
    batch = Batch(2, ids, {"tags": tags}, np.zeros((2, 0), np.float32), np.zeros(2, np.int64), bag)
    tables = Tables(Embedding(dim=1, init=0.0, lr=1.0), 0)
    assert tables.gather_all(batch).shape == (4, 1)
    tables.apply_all(batch, np.array([[1], [0.5], [1], [1]], np.float32))
    after = tables.lookup_all(batch)[:, 0]
    assert after.tolist() == [np.float32(-3 / 4), np.float32(-0.5 / 1.5), after[0], after[0]]


def test_rows_of_weight_0_are_scored_and_nothing_else():
    stream = random_rows(64, mixed=True)
    few = np.arange(0, 64, 3)
    weights = np.zeros((64, 1), np.float32)
    weights[few] = 1
    ours, other = learner(), learner()
    scores = ours.learn(stream.batch, Truth(stream.truth.labels, weights))
    assert scores.tobytes() == other.predict(stream.batch).tobytes()
    other.learn(stream.batch.pick(few), stream.truth.pick(few))
    assert ours.predict(stream.batch).tobytes() == other.predict(stream.batch).tobytes()
    before = ours.snapshot().training["optimizer/out.weight/exp_avg"].copy()
    ours.learn(stream.batch, Truth(stream.truth.labels, np.zeros((64, 1), np.float32)))
    assert before.tobytes() == ours.snapshot().training["optimizer/out.weight/exp_avg"].tobytes()


def test_several_labels_each_with_a_weight():
    stream = random_rows(64, mixed=True)
    labels = np.concatenate([stream.truth.labels, 1 - stream.truth.labels], axis=1)
    weights = np.ones((64, 2), np.float32)
    weights[::2, 1] = 0
    ours = learner(Torch(module=WIDE, lr=0.02), labels=2)
    for _ in range(30):
        scores = ours.learn(stream.batch, Truth(labels, weights))
    assert scores.shape == (64, 2)
    assert np.corrcoef(scores[:, 0], scores[:, 1])[0, 1] < -0.5


@pytest.mark.parametrize(
    "optimizer", ["SGD", "Adagrad", "AdamW", "RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"]
)
def test_optimizers_go_on_from_their_snapshot(optimizer):
    stream = random_rows(128, mixed=True)
    settings = Torch(module=WIDE, optimizer=optimizer)
    one, other = learner(settings), learner(settings)
    one.learn(*cut(stream, 0, 64))
    taken = one.snapshot()
    other.restore(Snapshot(*({k: v.copy() for k, v in part.items()} for part in (taken.weights, taken.training))))
    one._tables.apply_all = other._tables.apply_all = lambda *_: None  # the tables differ, and are not looked at
    one._tables.gather_all = other._tables.gather_all = lambda batch: np.ones(
        (batch.ids.size + len(batch.lists["tags"].values), 4), np.float32
    )
    for each in (one, other):
        each.learn(*cut(stream, 64, 128))
    for name, array in one.snapshot().training.items():
        assert array.tobytes() == other.snapshot().training[name].tobytes(), name
    for name, array in one.snapshot().weights.items():
        assert array.tobytes() == other.snapshot().weights[name].tobytes(), name


# --- the process is the user's ---


def test_what_torch_keeps_for_the_process_is_put_back():
    stream = random_rows(64, mixed=True)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    ours = learner(Torch(module=WIDE, args={"dropout": 0.5}))
    ours.learn(*stream)
    ours.predict(stream.batch)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.is_grad_enabled()


def test_the_seed_decides_where_it_starts():
    stream = random_rows(64, mixed=True)
    one, same, other = learner(seed=1), learner(seed=1), learner(seed=2)
    assert one.predict(stream.batch).tobytes() == same.predict(stream.batch).tobytes()
    assert one.predict(stream.batch).tobytes() != other.predict(stream.batch).tobytes()


# --- through the door ---


def pipeline(stream, tmp_path, **learner):
    return dlf.Pipeline(
        name="clicks",
        source=dlf.FileSource(
            paths=(str(stream.path),), format="csv", columns=stream.columns, event_time="ts", key=("id",)
        ),
        features=dlf.Features(
            hashed=("user", "ad"), crossed=(("user", "ad"),), dense=(dlf.Dense(column="price", transform="log1p"),)
        ),
        label="click",
        learner=dlf.Torch(module=WIDE, **learner),
        embedding=dlf.Embedding(dim=8),
        export=dlf.Export(to=str(tmp_path / "versions")),
        runtime=dlf.Runtime(deterministic=True),
    )


ASK = [{"user": 'u "3", é', "ad": 4, "price": 6.0}, {"user": None, "ad": 39, "price": None}]


def test_a_version_scores_in_a_fresh_process_to_the_bit(stream, tmp_path):
    dlf.run(pipeline(stream, tmp_path), on="local")
    here = dlf.load(tmp_path / "versions").predict(ASK).scores
    code = "import json, sys, dlonflink as dlf; versions, rows = sys.argv[1:]"
    code += "; print(dlf.load(versions).predict(json.loads(rows)).scores.tobytes().hex())"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "versions"), json.dumps(ASK)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert bytes.fromhex(done.stdout.strip()) == here.tobytes()


def test_the_safetensors_part_of_a_version_restores_the_module_anywhere(stream, tmp_path):
    """By hand: torch, safetensors, the user's class, and nothing of ours but what its forward is given."""
    dlf.run(pipeline(stream, tmp_path, args={"normed": True}), on="local")
    (weights,) = (tmp_path / "versions").rglob("weights.safetensors")
    module = torch_modules.Wide(TorchInputs(("user", "ad", "user*ad"), (), 1, 8, 1), normed=True)
    module.load_state_dict(safetensors.torch.load_file(weights))
    module.eval()
    model = dlf.load(tmp_path / "versions")
    unknown = {"user": "nobody", "ad": 12345, "price": 2.0}  # its IDs have the default row
    price = float(np.float32(np.log1p(2.0)))
    x = {"user": torch.zeros(1, 8), "ad": torch.zeros(1, 8), "user*ad": torch.zeros(1, 8)}

    class Anything(dict):
        dense = torch.tensor([[price]])

    with torch.no_grad():
        expected = torch.sigmoid(module(Anything(x))).numpy()
    np.testing.assert_allclose(model.predict([unknown]).scores, expected, rtol=1e-6)


# --- what is refused ---


def refusal(kind, settings, **keywords):
    with pytest.raises(kind) as caught:
        build(settings, inputs(**keywords))
    text = str(caught.value)
    assert len(text.splitlines()) <= 10, text
    assert caught.value.fix
    return text


def misbehaving(how):
    return Torch(module=f"{FILE}:Misbehaving", args={"how": how})


def test_modules_that_cannot_be_built():
    assert "did you mean" in refusal(PipelineError, Torch(module=f"{FILE}:Wode"))
    assert "module's file is not there" in refusal(PipelineError, Torch(module="nowhere.py:Wide"))
    assert "subclass of torch.nn.Module" in refusal(PipelineError, Torch(module="pathlib:Path"))
    assert "did you mean 'width'?" in refusal(PipelineError, Torch(module=WIDE, args={"widht": 3}))
    assert "ValueError: not today" in refusal(LearnerError, misbehaving("raise"))
    assert "no size yet" in refusal(PipelineError, misbehaving("lazy"))
    assert "bfloat16" in refusal(PipelineError, misbehaving("bfloat16"))
    assert "nn.ModuleList" in refusal(PipelineError, misbehaving("nothing to learn"))


def test_optimizers_that_are_none():
    assert "did you mean 'Adam'?" in refusal(PipelineError, Torch(module=WIDE, optimizer="adam"))
    assert "AdamW, " in refusal(PipelineError, Torch(module=WIDE, optimizer="LBFGS"))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("wide", "got:      float32[64, 2]"),
        ("summed", "float32[]"),
        ("numpy", "got:      ndarray"),
        ("int", "torch.int64"),
        ("detached", "leave detach"),
        ("nan", "the loss is not finite"),
        ("root", "a gradient is not finite"),
        ("misspelled", "did you mean x['a']?"),
    ],
)
def test_outputs_that_are_none_change_nothing(how, said):
    stream = random_rows(64, mixed=True)
    ours = learner(misbehaving(how))
    before = {name: array.copy() for name, array in ours.snapshot().weights.items()}
    with pytest.raises(LearnerError) as caught:
        ours.learn(*stream)
    text = str(caught.value)
    assert said in text
    assert len(text.splitlines()) <= 10
    assert caught.value.fix
    for name, array in ours.snapshot().weights.items():
        assert array.tobytes() == before[name].tobytes()


def test_a_failure_says_the_rows(stream, tmp_path):
    one = pipeline(stream, tmp_path).model_copy(
        update={"learner": dlf.Torch(module=f"{FILE}:Misbehaving", args={"how": "nan"})}
    )
    with pytest.raises(LearnerError, match=r"Misbehaving, rows 1 to 256 \(the first: id=0\)"):
        dlf.run(one, on="local")


def test_weights_of_another_module_are_refused():
    weights = dict(learner().snapshot().weights)
    with pytest.raises(ResumeError, match="another one"):
        learner(Torch(module=WIDE, args={"width": 5})).restore(Snapshot(weights))
    with pytest.raises(ResumeError, match="another one"):
        learner().restore(Snapshot({**weights, "more.weight": np.zeros(3)}))


def test_without_torch_the_interpreter_is_named(monkeypatch):
    for name in [one for one in sys.modules if one.startswith("dlonflink.learners.pytorch") or one == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    for settings in (Torch(module=WIDE), dlf.DeepFM()):
        text = refusal(SetupError, settings)
        assert f"{sys.executable} -m pip install 'torch>=2.4'" in text


def test_who_does_not_ask_for_torch_does_not_load_it():
    code = "import sys, dlonflink as dlf; dlf.Torch, dlf.DeepFM, dlf.run, dlf.load; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

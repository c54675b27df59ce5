"""The laws of `Learner`, to be run over any learner.

    from dlonflink.testing import check_learner
    check_learner("ctr.learner:Perceptron", rate=0.05)

or, for a line of pytest's output for each law:

    @pytest.mark.parametrize("law", laws(Perceptron, rate=0.05), ids=str)
    def test_contract(law): law()
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from dlonflink.embedding.settings import Embedding
from dlonflink.embedding.tables import Tables
from dlonflink.features.batch import Float
from dlonflink.learners.base import Arrays, Inputs, Learner, Snapshot
from dlonflink.learners.build import build
from dlonflink.learners.settings import LearnerSettings
from dlonflink.testing.streams import FEATURES, LISTS, Stream, cut, random_rows

ROWS = 384
_BATCH = 64


@dataclass(frozen=True)
class Trial:
    """One learner on its way through a stream, with the tables it stands on."""

    learner: Learner
    tables: Tables

    def learn(self, stream: Stream, first: int, last: int, size: int = _BATCH) -> Float:
        """Scores of the rows first ... last - 1, learned in batches of `size`."""
        starts = range(first, last, size)
        parts = [self.learner.learn(*cut(stream, start, min(start + size, last))) for start in starts]
        return np.concatenate(parts)

    def predict(self, stream: Stream, first: int, last: int) -> Float:
        return self.learner.predict(cut(stream, first, last).batch)

    def state(self) -> tuple[dict[str, NDArray[Any]], str]:
        """Copies of all arrays, and a digest of the tables."""
        snapshot = _copied(self.learner.snapshot())
        digest = hashlib.sha256()
        self.tables.digest(digest)
        arrays = {f"weights/{name}": array for name, array in snapshot.weights.items()}
        arrays |= {f"training/{name}": array for name, array in snapshot.training.items()}
        return arrays, digest.hexdigest()


@dataclass(frozen=True)
class Subject:
    """The learner under test, and how to make a fresh one."""

    learner: type[Learner] | str
    settings: Mapping[str, Any]
    mixed: bool  # with lists and dense columns

    @property
    def stream(self) -> Stream:
        return random_rows(ROWS, seed=7, mixed=self.mixed)

    def fresh(self) -> Trial:
        """A new instance on new tables."""
        settings = dict(self.settings)
        seed = int(settings.pop("seed", 0))
        tables = Tables(Embedding(), seed)
        lists, dense = (LISTS, 1) if self.mixed else ((), 0)
        columns = len(FEATURES) + len(lists) + dense
        inputs = Inputs(FEATURES, lists, dense, columns, labels=1, tables=tables, seed=seed)
        if isinstance(self.learner, type):
            return Trial(self.learner(inputs, **settings), tables)
        adapter: TypeAdapter[LearnerSettings] = TypeAdapter(LearnerSettings)
        return Trial(build(adapter.validate_python({"type": self.learner, **settings}), inputs), tables)


@dataclass(frozen=True)
class Law:
    """Call it: AssertionError names the law and the first difference. `str` is its name, for pytest's `ids`."""

    check: Callable[[Subject], None]
    subject: Subject

    def __call__(self) -> None:
        """Runs the law."""
        try:
            self.check(self.subject)
        except AssertionError as broken:
            raise AssertionError(f"broken law: {self}: {self.check.__doc__}\n{broken}") from broken

    def __str__(self) -> str:
        kind = "lists and dense columns" if self.subject.mixed else "single values"
        return f"{self.check.__name__.replace('_', ' ')}, {kind}"


def laws(learner: type[Learner] | str, **settings: Any) -> tuple[Law, ...]:
    """Every law of a learner: a class, or what `learner.type` of a pipeline may say. Each on two kinds of rows."""
    return tuple(Law(check, Subject(learner, settings, mixed)) for mixed in (False, True) for check in _LAWS)


def check_learner(learner: type[Learner] | str, **settings: Any) -> None:
    """Runs every law, and stops at the first that is broken."""
    for law in laws(learner, **settings):
        law()


def scores_are_probabilities(subject: Subject) -> None:
    """Scores are float32 [rows, labels], finite, from 0 to 1."""
    trial, stream = subject.fresh(), subject.stream
    for scores in (trial.learn(stream, 0, ROWS), trial.predict(stream, 0, ROWS)):
        assert scores.dtype == np.float32, f"dtype {scores.dtype}"
        assert scores.shape == (ROWS, 1), f"shape {scores.shape}, not {(ROWS, 1)}"
        assert np.isfinite(scores).all(), f"row {int(np.argmin(np.isfinite(scores[:, 0])))} is not finite"
        assert ((scores >= 0) & (scores <= 1)).all(), f"from {scores.min()} to {scores.max()}"


def learn_returns_the_prediction_before(subject: Subject) -> None:
    """Learn returns what predict would have just before; for a row-by-row learner each row in turn, for a rolling one
    the first row of a batch and every batch of one.
    """
    trial, stream = subject.fresh(), subject.stream
    rolling = trial.learner.rolling
    size = 1 if trial.learner.row_by_row else _BATCH
    for first in range(0, ROWS, size):
        predicted = trial.predict(stream, first, first + size)
        learned = trial.learn(stream, first, first + size, size)
        held = slice(1) if rolling else slice(None)
        _same(f"rows {first} to {first + size}", predicted[held], learned[held])
    for row in range(_BATCH if rolling else 0):
        _same(f"row {row}", trial.predict(stream, row, row + 1), trial.learn(stream, row, row + 1, 1))


def predict_changes_nothing(subject: Subject) -> None:
    """Predict changes no weight, no training state and no table, not even for IDs it has never seen."""
    trial, stream = subject.fresh(), subject.stream
    trial.learn(stream, 0, ROWS // 2)
    before = trial.state()
    first = trial.predict(stream, 0, ROWS)
    _same_state(before, trial.state())
    _same("predict, twice", first, trial.predict(stream, 0, ROWS))


def restore_is_exact(subject: Subject) -> None:
    """A restored learner holds every array it was given, bit for bit, and the tables too."""
    trial, stream = subject.fresh(), subject.stream
    trial.learn(stream, 0, ROWS // 2)
    _same_state(trial.state(), _restored(subject, trial).state())


def resume_is_exact(subject: Subject) -> None:
    """After a restore the same batches give the same bits."""
    trial, stream = subject.fresh(), subject.stream
    trial.learn(stream, 0, ROWS // 2)
    resumed = _restored(subject, trial)
    expected = trial.learn(stream, ROWS // 2, ROWS)
    _same("scores", expected, resumed.learn(stream, ROWS // 2, ROWS))
    _same_state(trial.state(), resumed.state())


def weights_are_enough_to_predict(subject: Subject) -> None:
    """A server restores `weights` and what the tables serve, and predicts the same bits."""
    trial, stream = subject.fresh(), subject.stream
    trial.learn(stream, 0, ROWS // 2)
    server = subject.fresh()
    server.tables.restore_served(trial.tables.served())
    server.learner.restore(Snapshot(_copied(trial.learner.snapshot()).weights))
    _same("predictions", trial.predict(stream, 0, ROWS), server.predict(stream, 0, ROWS))


def the_same_rows_give_the_same_bits(subject: Subject) -> None:
    """Equal rows give equal bits, in equal batches; for a row-by-row learner in any batches."""
    first, second, stream = subject.fresh(), subject.fresh(), subject.stream
    expected = first.learn(stream, 0, ROWS)
    size = 37 if first.learner.row_by_row else _BATCH
    _same("scores", expected, second.learn(stream, 0, ROWS, size))
    _same_state(first.state(), second.state())


_LAWS = (
    scores_are_probabilities,
    learn_returns_the_prediction_before,
    predict_changes_nothing,
    restore_is_exact,
    resume_is_exact,
    weights_are_enough_to_predict,
    the_same_rows_give_the_same_bits,
)


def _restored(subject: Subject, trial: Trial) -> Trial:
    other = subject.fresh()
    other.tables.restore(trial.tables.snapshot())
    other.learner.restore(_copied(trial.learner.snapshot()))
    return other


def _copied(snapshot: Snapshot) -> Snapshot:
    def copies(arrays: Arrays) -> Arrays:
        return {name: array.copy() for name, array in arrays.items()}

    return Snapshot(copies(snapshot.weights), copies(snapshot.training))


def _same(what: str, expected: NDArray[Any], got: NDArray[Any]) -> None:
    assert expected.dtype == got.dtype, f"{what}: dtype {got.dtype}, not {expected.dtype}"
    assert expected.shape == got.shape, f"{what}: shape {got.shape}, not {expected.shape}"
    if expected.tobytes() != got.tobytes():
        flat, other = expected.reshape(-1), got.reshape(-1)
        at = int(np.argmax(flat != other))
        raise AssertionError(f"{what}: element {at} is {other[at]!r}, not {flat[at]!r}")


def _same_state(expected: tuple[Arrays, str], got: tuple[Arrays, str]) -> None:
    assert expected[0].keys() == got[0].keys(), f"arrays {sorted(got[0])}, not {sorted(expected[0])}"
    for name, array in expected[0].items():
        _same(name, array, got[0][name])
    assert expected[1] == got[1], "the tables differ"

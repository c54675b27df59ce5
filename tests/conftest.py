"""What several test files share: a home of their own, and one small stream."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from dlonflink.testing.cluster import StandaloneCluster

# No test asserts on time: the machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROWS = 6_000

COLUMNS = {
    "id": "BIGINT",
    "ts": "TIMESTAMP(3)",
    "user": "STRING",
    "ad": "INT",
    "price": "DOUBLE",
    "click": "INT",
}

LEARNER = '''\
"""A learner of one's own: logistic regression over the shared table, in batches."""

import numpy as np

from dlonflink import Batch, Inputs, Learner, Snapshot, Truth


class Perceptron(Learner):
    def __init__(self, inputs: Inputs, rate: float = 0.1, fail_at: int = -1) -> None:
        self.tables, self.rate, self.fail_at, self.rows = inputs.tables, rate, fail_at, 0
        self.bias = np.zeros(1, np.float32)

    def predict(self, batch: Batch):
        return self._score(self.tables.lookup(batch))

    def learn(self, batch: Batch, truth: Truth):
        scores = self.predict(batch)
        rows = self.tables.gather(batch)
        if self.rows <= self.fail_at < self.rows + len(batch):
            raise ValueError("no more of this")
        self.rows += len(batch)
        error = (scores - truth.labels) * truth.weights
        gradients = np.broadcast_to(np.float32(self.rate) * error[:, :, None], rows.shape)
        self.tables.apply(batch, np.ascontiguousarray(gradients))
        self.bias = self.bias - np.float32(self.rate) * error.mean(dtype=np.float32)
        return scores

    def snapshot(self):
        return Snapshot(weights={"bias": self.bias}, training={"rows": np.array([self.rows])})

    def restore(self, snapshot: Snapshot) -> None:
        self.bias = snapshot.weights["bias"].copy()
        if "rows" in snapshot.training:
            self.rows = int(snapshot.training["rows"][0])

    def _score(self, rows):
        total = self.bias + rows.sum(axis=(1, 2), dtype=np.float32)[:, None]
        return (1 / (1 + np.exp(-total))).astype(np.float32)
'''


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test writes into the checkout."""
    monkeypatch.setenv("DLONFLINK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def cluster() -> Iterator[StandaloneCluster]:
    """Nothing of it is left when the tests have ended: no process, no file."""
    with StandaloneCluster() as started:
        yield started
    folder = str(started.directory)
    assert not started.directory.exists()
    assert not [one for one in Path("/proc").glob("[0-9]*/cmdline") if folder in _read(one)]


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # it has ended
        return ""


@dataclass(frozen=True)
class Stream:
    path: Path
    columns: dict[str, str]
    rows: int


@pytest.fixture(scope="session")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """A CSV: clicks that depend on user and ad, NULLs, quotes, in order of time."""
    path = tmp_path_factory.mktemp("stream") / "clicks.csv"
    chance = random.Random(7)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(ROWS):
            user, ad = chance.randrange(200), chance.randrange(40)
            name = "" if user == 0 else f'u "{user}", é'
            click = int(chance.random() < (0.7 if (user + ad) % 3 == 0 else 0.2))
            price = "" if ad == 1 else f"{ad * 1.5:.2f}"
            second, minute = number % 60, number // 60
            writer.writerow(
                [number, f"2013-01-{1 + minute // 1440:02} {minute // 60 % 24:02}:{minute % 60:02}:{second:02}.000"]
                + [name, ad, price, click]
            )
    return Stream(path, COLUMNS, ROWS)


@pytest.fixture(scope="session")
def learner_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`LEARNER`, to be named as `{path}:Perceptron`."""
    path = tmp_path_factory.mktemp("learner") / "perceptron.py"
    path.write_text(LEARNER)
    return path

"""One published version as a function from rows to scores.

The encoder and the learner are built as the trainer built them, from the manifest alone, so a score equals the one that
the trainer's `predict` gave at that checkpoint, to the bit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pyarrow as pa

from dlonflink.embedding.tables import Tables
from dlonflink.errors import CorruptionError, VersionNotFound
from dlonflink.features.batch import Float
from dlonflink.features.encode import Encoder
from dlonflink.features.golden import golden
from dlonflink.features.rows import rows as batch_of
from dlonflink.learners.base import Inputs, Snapshot
from dlonflink.learners.build import build, restore
from dlonflink.store.manifest import Manifest
from dlonflink.store.store import Store
from dlonflink.store.version import Contents

_SHOWN = 20


@dataclass(frozen=True, eq=False)
class Prediction:
    """Scores of some rows, all by the same version."""

    scores: Float
    """[rows, labels]: the probability that the label is 1."""
    labels: tuple[str, ...]
    version: int

    def __repr__(self) -> str:
        scores = np.array2string(
            self.scores, precision=4, threshold=_SHOWN, separator=", ", prefix="Prediction(scores="
        )
        return f"Prediction(scores={scores}, labels={self.labels}, version={self.version})"


def load(url: str | os.PathLike[str], version: int | None = None) -> Model:
    """The model of a version, by default the newest, of the store at `url`: a directory, or anything fsspec reaches.

    Raises VersionNotFound where there is none, or its files are no longer kept; CorruptionError where a file is
    damaged, or this release encodes rows otherwise than the one that trained; StoreError where the place cannot be
    read.
    """
    store = Store(os.fspath(url))
    chosen = store.current() if version is None else store.version(version)
    if chosen is None:
        raise VersionNotFound(
            "there is no version here",
            where=store.url,
            fix="give the directory that export.to names; a version appears there at the first checkpoint",
        )
    return Model(store.read(chosen))


@final
class Model:
    """A version, ready to score. Holds its whole table in memory; one thread at a time."""

    def __init__(self, contents: Contents) -> None:
        manifest = contents.manifest
        spec = manifest.model
        _check_golden(manifest)
        self.manifest = manifest
        self._encoder = Encoder(spec.features)
        tables = Tables(spec.embedding, spec.learner.seed)
        inputs = Inputs(
            features=self._encoder.features,
            lists=self._encoder.lists,
            dense=self._encoder.dense,
            columns=len(spec.features.features),
            labels=len(spec.outputs),
            tables=tables,
            seed=spec.learner.seed,
        )
        self._learner = build(spec.learner, inputs)
        tables.restore_served(contents.table)
        restore(self._learner, Snapshot(weights=contents.weights), spec.learner)

    @property
    def version(self) -> int:
        return self.manifest.version

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the scores' columns."""
        return tuple(output.label for output in self.manifest.model.outputs)

    def predict(self, rows: Sequence[Mapping[str, object]]) -> Prediction:
        """Scores rows given as dicts by column name. A missing column is NULL, an unknown one is ignored.

        Raises DataError, naming row and column, for a value that is not of the column's type.
        """
        return Prediction(self.predict_batch(batch_of(self.manifest.model.features, rows)), self.labels, self.version)

    def predict_batch(self, batch: pa.RecordBatch) -> Float:
        """Scores [rows, labels] of a batch that has the feature spec's columns (more are ignored)."""
        return self._learner.predict(self._encoder.encode(batch))

    def __repr__(self) -> str:
        origin = self.manifest.origin
        return f"Model({origin.name!r}, version={self.version}, labels={self.labels}, rows={origin.rows:,})"


def _check_golden(manifest: Manifest) -> None:
    """An encoder that gives other IDs reads other weights: every score would be wrong, and none would look so."""
    spec = manifest.model
    if golden(spec.features) != spec.golden:
        trained = manifest.provenance.libraries.get("dlonflink", "an unknown release")
        raise CorruptionError(
            f"version {manifest.version} was trained with an encoder that gives other IDs than this one",
            where=f"version {manifest.version}, run {manifest.origin.run}, checkpoint {manifest.origin.checkpoint}",
            expected="the golden IDs in its manifest",
            got="other IDs for the same rows",
            fix=f"serve it with the release that trained it (dlonflink {trained}), or train anew",
        )

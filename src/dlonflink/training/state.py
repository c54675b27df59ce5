"""The whole state of a trainer, as one consistent copy: into a snapshot, into a version, and back.

Arrays by name: `learner/weights/...` and `learner/training/...`, `table/...` (by key group), `evaluation/...`, and
`trainer/waiting` (rows that wait for their batch, an Arrow IPC stream) and `trainer/version` (-1: none published).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.copies import TableCopy
from dlonflink.embedding.layout import RowLayout
from dlonflink.embedding.state import parts, served
from dlonflink.embedding.tables import Tables
from dlonflink.errors import short
from dlonflink.evaluation.arrays import under, within
from dlonflink.evaluation.evaluator import Evaluator
from dlonflink.features.golden import golden
from dlonflink.features.spec import FeatureSpec
from dlonflink.learners.base import Learner, Snapshot
from dlonflink.learners.build import restore
from dlonflink.store.manifest import ModelSpec, Origin, Output, Provenance
from dlonflink.store.provenance import code_digest, libraries
from dlonflink.store.version import Draft
from dlonflink.training import snapshot
from dlonflink.training.changes import Basis, refuse_changes
from dlonflink.training.settings import TrainingPlan

Arrays = Mapping[str, NDArray[Any]]

CHUNK = 1 << 20


@final
@dataclass(frozen=True)
class Copy:
    """The state at a checkpoint. Any thread may read it while the stream runs on; it waits until `table` is whole."""

    checkpoint: int
    arrays: Arrays
    """All but the tables: they belong to nobody else."""
    table: TableCopy
    metadata: Mapping[str, str]
    origin: Origin
    plan: TrainingPlan
    spec: FeatureSpec
    layout: RowLayout

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The snapshot's bytes, in pieces of `size` bytes but for the last."""
        self.table.wait()
        table = {f"table/{name}": part for name, part in parts(self.table).items()}
        return snapshot.chunks({**self.arrays, **table}, self.metadata, size=size)

    def draft(self, checkpoint: int | None = None) -> Draft:
        """What a version of this state holds; `checkpoint` where it is published as another one."""
        self.table.wait()
        number = self.checkpoint if checkpoint is None else checkpoint
        return Draft(
            weights=within("learner/weights", self.arrays),
            table=served(self.table, self.layout),
            origin=self.origin.model_copy(update={"checkpoint": number}),
            model=ModelSpec(
                features=self.spec,
                golden=golden(self.spec),
                outputs=tuple(Output(label=label.column) for label in self.plan.labels),
                learner=self.plan.learner,
                embedding=self.plan.embedding,
            ),
            provenance=Provenance(
                pipeline_digest=self.plan.pipeline_digest,
                code_digest=code_digest(),
                libraries=libraries(),
                files=self.plan.files,
            ),
        )


@dataclass(frozen=True)
class Restored:
    """What a snapshot holds beside the parts that were restored in place."""

    run: str
    checkpoint: int
    waiting: bytes
    judged: NDArray[np.int64]
    version: int | None


@final
class State:
    """The parts of a trainer whose state is one: it outlives none of them."""

    def __init__(
        self, plan: TrainingPlan, spec: FeatureSpec, learner: Learner, tables: Tables, evaluator: Evaluator
    ) -> None:
        self._plan = plan
        self._spec = spec
        self._learner = learner
        self._tables = tables
        self._evaluator = evaluator
        self._basis = Basis.of(plan, spec)

    def copy(self, origin: Origin, *, waiting: bytes, judged: NDArray[np.int64], version: int | None) -> Copy:
        """In a few milliseconds, for the tables are copied by `sweep`; no I/O. Raises LearnerError for arrays that no
        snapshot can hold.
        """
        arrays = {
            **under("learner", self._learned()),
            **under("evaluation", self._evaluator.snapshot()),
            "trainer/waiting": np.frombuffer(waiting, np.uint8),
            "trainer/judged": judged,
            "trainer/version": np.array([-1 if version is None else version], np.int64),
        }
        metadata = {
            "format": snapshot.FORMAT,
            "version": snapshot.VERSION,
            "name": origin.name,
            "run": origin.run,
            "checkpoint": str(origin.checkpoint),
            **self._basis.texts(),
        }
        table = self._tables.copy()
        return Copy(origin.checkpoint, arrays, table, metadata, origin, self._plan, self._spec, self._tables.layout)

    def restore(self, data: bytes) -> Restored:
        """Into parts that are new. Raises CorruptionError; ResumeError, naming the key, where the snapshot was taken by
        a pipeline whose state is of no use to this one; LearnerError when the learner cannot be restored.
        """
        arrays, metadata = snapshot.read(data)
        refuse_changes(Basis.read(metadata), self._basis)
        run, checkpoint = _origin(metadata)
        waiting = snapshot.part(arrays, "trainer/waiting", np.zeros(0, np.uint8))
        judged = snapshot.part(arrays, "trainer/judged", np.zeros(2, np.int64))
        version = int(snapshot.part(arrays, "trainer/version", np.zeros(1, np.int64))[0])
        learned = within("learner", arrays)
        taken = Snapshot(weights=within("weights", learned), training=within("training", learned))
        restore(self._learner, taken, self._plan.learner)
        self._tables.restore(within("table", arrays))
        self._evaluator.restore(within("evaluation", arrays))
        return Restored(
            run=run,
            checkpoint=checkpoint,
            waiting=waiting.tobytes(),
            judged=judged,
            version=None if version < 0 else version,
        )

    def digest(self) -> str:
        """SHA-256 over the learner's arrays by name, then the tables by key: equal states, equal digests."""
        digest = hashlib.sha256()
        for name, array in sorted(self._learned().items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.tobytes())
        self._tables.digest(digest)
        return digest.hexdigest()

    def _learned(self) -> dict[str, NDArray[Any]]:
        taken = self._learner.snapshot()
        arrays = {**under("weights", taken.weights), **under("training", taken.training)}
        snapshot.check(arrays, owner=f"learner {self._plan.learner.type}")
        return {name: np.array(array, order="C") for name, array in arrays.items()}


def _origin(metadata: Mapping[str, str]) -> tuple[str, int]:
    try:
        return metadata["run"], int(metadata["checkpoint"])
    except (KeyError, ValueError) as error:
        raise snapshot.damaged(
            "the snapshot does not say which checkpoint of which run it is", got=short(str(error))
        ) from error

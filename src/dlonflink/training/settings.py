"""The worker's part of the plan: everything the trainer needs, and nothing Flink needs."""

from __future__ import annotations

from dlonflink.connectors.rejects import Bound
from dlonflink.connectors.values import Input
from dlonflink.embedding.settings import Embedding
from dlonflink.evaluation.settings import Evaluation
from dlonflink.features.columns import Features, Label
from dlonflink.learners.settings import LearnerSettings
from dlonflink.settings import Name, Settings
from dlonflink.store.settings import Export


class RejectsPlan(Bound):
    """What becomes of bad rows."""

    to: str
    """Where they lie, for the error that says there are too many."""


class TrainingPlan(Settings):
    """One entry of the plan's `worker` list, dumped in full, so that a changed default never changes an old run."""

    name: Name
    features: Features
    labels: tuple[Label, ...]
    event_time: str | None
    key: tuple[str, ...]
    learner: LearnerSettings
    embedding: Embedding
    evaluation: Evaluation
    export: Export | None
    deterministic: bool
    scored: bool
    """Scored rows are sent back."""
    pipeline_digest: str
    """SHA-256 of the pipeline's full description."""
    rejects: RejectsPlan | None = None
    """Null: the first bad row ends the run."""
    path: tuple[str, ...] = ()
    """Directories put in front of sys.path, for the user's own learner."""
    files: dict[str, str] = {}
    """The user's files that came along: name -> SHA-256 (`training.files`). Their directory is told apart from this:
    by HELLO, or by the local runtime."""
    input: Input = Input()

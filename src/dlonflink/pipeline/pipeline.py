"""One frozen model that Python and YAML share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dlonflink.connectors.files import FileSource
from dlonflink.connectors.memory import MemorySource
from dlonflink.connectors.sql import SqlSink, SqlSource
from dlonflink.embedding.settings import Embedding
from dlonflink.evaluation.settings import Evaluation
from dlonflink.features.columns import Features, Label
from dlonflink.learners.settings import LearnerSettings
from dlonflink.settings import Duration, Name, Settings
from dlonflink.store.settings import Export

Source = Annotated[FileSource | SqlSource | MemorySource, Field(discriminator="type")]


class Checkpoint(Settings):
    every: Duration = "10 s"
    dir: str | None = None
    """Default: `checkpoints` in the pipeline's home."""


class Flink(Settings):
    jars: tuple[str, ...] = ()
    """Connector jars: paths."""
    options: dict[str, str] = {}
    """Any Flink option; one that we set ourselves is refused, naming our key."""


class Worker(Settings):
    python: str | None = None
    """The worker's interpreter. Default: the one that runs dlonflink."""
    env: dict[str, str] = {}


class Runtime(Settings):
    on: Literal["flink", "local"] = "flink"
    deterministic: bool = False
    """The result depends on the rows and their order alone: batches are cut by count, never by a clock."""
    flink: Flink = Flink()
    worker: Worker = Worker()


class Pipeline(Settings):
    """Where rows come from, which columns are features and label, which learner, how it is judged, where versions go."""

    name: Name
    source: Source
    features: Features
    label: str | Label
    learner: LearnerSettings
    embedding: Embedding = Embedding()
    evaluation: Evaluation = Evaluation()
    export: Export | None = None
    sink: SqlSink | None = None
    checkpoint: Checkpoint = Checkpoint()
    runtime: Runtime = Runtime()

    def labels(self) -> tuple[Label, ...]:
        """One today; plural in everything that is built on it."""
        return (Label(column=self.label) if isinstance(self.label, str) else self.label,)

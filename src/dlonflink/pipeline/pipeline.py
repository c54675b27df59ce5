"""One frozen model that Python and YAML share."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator

from dlonflink.connectors.files import FileSource
from dlonflink.connectors.memory import MemorySource
from dlonflink.connectors.sinks import Sink
from dlonflink.connectors.sql import SqlSource
from dlonflink.embedding.settings import Embedding
from dlonflink.evaluation.settings import Evaluation
from dlonflink.features.columns import Features, Label
from dlonflink.learners.settings import LearnerSettings
from dlonflink.pipeline import yaml
from dlonflink.settings import Name, OnResume, Secret, Settings, Span, milliseconds
from dlonflink.store.settings import Export

Source = Annotated[FileSource | SqlSource | MemorySource, Field(discriminator="type")]


class Checkpoint(Settings):
    """How often stream and model are saved as one cut. A version can be published at each."""

    on_resume = OnResume(free=("every", "dir"))

    every: Span = "10 s"
    """10 ms or more: Flink takes no less."""
    dir: str | None = None
    """Default: `checkpoints` in the pipeline's home."""

    @field_validator("every")
    @classmethod
    def _as_flink_takes_it(cls, every: str) -> str:
        # CheckpointCoordinatorConfiguration.MINIMAL_CHECKPOINT_TIME; Flink raises in Java, long after this.
        if milliseconds(every) < 10:
            raise ValueError(f"{every!r} is too short between checkpoints; write 10 ms or more")
        return every


class Flink(Settings):
    """What Flink needs beside the pipeline."""

    on_resume = OnResume(free=("target", "address", "parallelism", "jars", "options"))

    target: Literal["embedded", "remote"] = "embedded"
    """embedded: a Flink of its own, which ends with the run. remote: a cluster that runs, at `address`."""
    address: Annotated[str, Field(pattern=r"^http://[^/\s:]+:\d+/?$", examples=["http://host:8081"])] | None = None
    """REST address of the remote cluster: http://host:port, that of its web UI."""
    parallelism: Annotated[int, Field(ge=1, le=1024)] = 1
    """Of the source and the SQL; as many task slots are needed. What learns is one process."""
    jars: tuple[str, ...] = ()
    """Connector jars: paths."""
    options: dict[str, str | Secret] = {}
    """Any Flink option; one that we set ourselves is refused, naming our key. A value may be a secret."""


class Worker(Settings):
    """The process that learns."""

    on_resume = OnResume(free=("python", "env", "files", "parallelism", "silence", "step"))

    python: str | None = None
    """The worker's interpreter. Default: the one that runs dlonflink."""
    env: dict[str, str | Secret] = {}
    """Added to the worker's environment. A value may be a secret, which is read where the worker starts."""
    files: tuple[str, ...] = ()
    """Files and directories of your own code; they travel to the worker, which finds each by its own name on its Python
    path. Left out: names that begin with a dot, and `__pycache__`."""
    parallelism: int = 1
    """1: a learner is one process until its tables are sharded."""
    silence: Span = "30 s"
    """A worker that says nothing for this long is dead, and is killed: it was stopped, swaps, or is in native code that
    holds Python's lock. It says something every second, so 3 s or more."""
    step: Span = "10 min"
    """A learner that takes longer than this for one batch hangs: the worker says where, and ends."""

    @field_validator("silence")
    @classmethod
    def _longer_than_a_heartbeat(cls, silence: str) -> str:
        if milliseconds(silence) < 3_000:
            raise ValueError(
                f"{silence!r} is too short for a worker that says something every second; write 3 s or more"
            )
        return silence


class Metrics(Settings):
    """Who may ask a run on Flink how it stands, beside the web UI."""

    on_resume = OnResume(free=("prometheus",))

    prometheus: int | str | None = None
    """Port, or range of ports of which the first free one is taken ("9249-9259"), where Prometheus finds /metrics, on
    the loopback interface alone. 0: any free one."""

    @field_validator("prometheus")
    @classmethod
    def _ports(cls, ports: int | str | None) -> int | str | None:
        if ports is None:
            return None
        written = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", str(ports))
        if written is None or not int(written[1]) <= int(written[2] or written[1]) <= 65_535:
            raise ValueError(f"{str(ports)!r} is no port and no range of ports; write 9249 or 9249-9259")
        return ports


class Runtime(Settings):
    """Where and how the pipeline runs."""

    on_resume = OnResume(free=("on", "deterministic", "flink", "worker", "metrics"))

    on: Literal["flink", "local"] = "flink"
    """flink: in Flink, embedded or on a cluster (`flink.target`). local: this process, without SQL and checkpoints."""
    deterministic: bool = False
    """The result depends on the rows and their order alone: batches are cut by count, never by a clock."""
    flink: Flink = Flink()
    worker: Worker = Worker()
    metrics: Metrics = Metrics()


class Pipeline(Settings):
    """Where rows come from, which columns are features and label, what learns, how it is judged, where versions go."""

    on_resume = OnResume(
        free=("name", "export", "sink", "checkpoint", "runtime"),
        inside=("source", "features", "label", "learner", "embedding", "evaluation"),
    )

    name: Name
    source: Source
    features: Features
    label: str | Label
    learner: LearnerSettings
    embedding: Embedding = Embedding()
    evaluation: Evaluation = Evaluation()
    export: Export | None = None
    sink: Sink | None = None
    """Takes the scored rows."""
    checkpoint: Checkpoint = Checkpoint()
    runtime: Runtime = Runtime()

    def labels(self) -> tuple[Label, ...]:
        """One today; plural in everything that is built on it."""
        return (Label(column=self.label) if isinstance(self.label, str) else self.label,)

    @classmethod
    def from_yaml(cls, text: str, name: str = "pipeline.yaml") -> Self:
        """PipelineError with the line for the first thing that is wrong; `name` is the file's, for errors."""
        return yaml.validate(cls, yaml.Document.parse(text, name))

    def to_yaml(self) -> str:
        """What was written, as YAML that reads back as an equal pipeline."""
        return yaml.dump(self)

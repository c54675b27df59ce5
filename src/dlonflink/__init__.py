"""DLOnFlink: deep learning on Apache Flink, in Python, for online learning.

The one public door. A name is imported when it is first used, for the worker comes through here too, and must load
nothing that it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlonflink.connectors.base import EventTime
    from dlonflink.connectors.files import FileSource
    from dlonflink.connectors.memory import MemorySource
    from dlonflink.connectors.rejects import Rejects
    from dlonflink.connectors.sinks import FileSink, SqlSink
    from dlonflink.connectors.sql import ArrowValues, SqlSource
    from dlonflink.doctor.examination import examine
    from dlonflink.doctor.finding import Finding
    from dlonflink.embedding.base import EmbeddingTable
    from dlonflink.embedding.settings import Embedding
    from dlonflink.embedding.tables import Tables
    from dlonflink.errors import (
        CorruptionError,
        DataError,
        DLOnFlinkError,
        FencedError,
        JobError,
        LearnerError,
        PipelineError,
        ProtocolError,
        ResumeError,
        SchemaError,
        SetupError,
        SqlError,
        StoreError,
        TableError,
        TooManyRejects,
        VersionNotFound,
        WorkerError,
    )
    from dlonflink.evaluation.settings import Evaluation
    from dlonflink.features.batch import Bag, Batch, Ragged, Truth
    from dlonflink.features.columns import Crossed, Dense, Features, Hashed, Label
    from dlonflink.learners.base import Inputs, Learner, Snapshot
    from dlonflink.learners.settings import FM, Custom, DeepFM, Logistic, Torch
    from dlonflink.pipeline.pipeline import Checkpoint, Flink, Metrics, Pipeline, Runtime, Worker
    from dlonflink.runtime.base import Job, Progress, Summary
    from dlonflink.runtime.control import RunStatus, Submitted
    from dlonflink.runtime.run import run, start, submit
    from dlonflink.serving.model import Model, Prediction, load
    from dlonflink.settings import Secret
    from dlonflink.store.settings import Export
    from dlonflink.store.store import Store
    from dlonflink.store.version import Version

__all__ = [
    "FM",
    "ArrowValues",
    "Bag",
    "Batch",
    "Checkpoint",
    "CorruptionError",
    "Crossed",
    "Custom",
    "DLOnFlinkError",
    "DataError",
    "DeepFM",
    "Dense",
    "Embedding",
    "EmbeddingTable",
    "Evaluation",
    "EventTime",
    "Export",
    "Features",
    "FencedError",
    "FileSink",
    "FileSource",
    "Finding",
    "Flink",
    "Hashed",
    "Inputs",
    "Job",
    "JobError",
    "Label",
    "Learner",
    "LearnerError",
    "Logistic",
    "MemorySource",
    "Metrics",
    "Model",
    "Pipeline",
    "PipelineError",
    "Prediction",
    "Progress",
    "ProtocolError",
    "Ragged",
    "Rejects",
    "ResumeError",
    "RunStatus",
    "Runtime",
    "SchemaError",
    "Secret",
    "SetupError",
    "Snapshot",
    "SqlError",
    "SqlSink",
    "SqlSource",
    "Store",
    "StoreError",
    "Submitted",
    "Summary",
    "TableError",
    "Tables",
    "TooManyRejects",
    "Torch",
    "Truth",
    "Version",
    "VersionNotFound",
    "Worker",
    "WorkerError",
    "examine",
    "load",
    "run",
    "start",
    "submit",
]

_ROOMS = {
    "connectors.base": ("EventTime",),
    "connectors.files": ("FileSource",),
    "connectors.memory": ("MemorySource",),
    "connectors.rejects": ("Rejects",),
    "connectors.sinks": ("FileSink", "SqlSink"),
    "connectors.sql": ("ArrowValues", "SqlSource"),
    "doctor.examination": ("examine",),
    "doctor.finding": ("Finding",),
    "embedding.base": ("EmbeddingTable",),
    "embedding.settings": ("Embedding",),
    "embedding.tables": ("Tables",),
    "errors": (
        "CorruptionError",
        "DLOnFlinkError",
        "DataError",
        "FencedError",
        "JobError",
        "LearnerError",
        "PipelineError",
        "ProtocolError",
        "ResumeError",
        "SchemaError",
        "SetupError",
        "SqlError",
        "StoreError",
        "TableError",
        "TooManyRejects",
        "VersionNotFound",
        "WorkerError",
    ),
    "evaluation.settings": ("Evaluation",),
    "features.batch": ("Bag", "Batch", "Ragged", "Truth"),
    "features.columns": ("Crossed", "Dense", "Features", "Hashed", "Label"),
    "learners.base": ("Inputs", "Learner", "Snapshot"),
    "learners.settings": ("FM", "Custom", "DeepFM", "Logistic", "Torch"),
    "pipeline.pipeline": ("Checkpoint", "Flink", "Metrics", "Pipeline", "Runtime", "Worker"),
    "runtime.base": ("Job", "Progress", "Summary"),
    "runtime.control": ("RunStatus", "Submitted"),
    "runtime.run": ("run", "start", "submit"),
    "serving.model": ("Model", "Prediction", "load"),
    "settings": ("Secret",),
    "store.settings": ("Export",),
    "store.store": ("Store",),
    "store.version": ("Version",),
}
_PLACES = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    room = _PLACES.get(name)
    if room is None:
        raise AttributeError(f"module 'dlonflink' has no attribute {name!r}")
    value: object = getattr(import_module(f"dlonflink.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

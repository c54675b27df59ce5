"""The Flink configuration of a run: what we set, why, and which key of ours stands for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dlonflink.errors import PipelineError
from dlonflink.pipeline.pipeline import Metrics, Pipeline
from dlonflink.settings import Secret, Text, milliseconds

REST_PORT = "rest.bind-port"
_PORTS = "18081-18980"
"""A range: two jobs on one machine must not collide, and a person can guess the web UI's port."""

_FIXED: Mapping[str, tuple[str, str]] = {
    # Rows are encoded before the next one is read, so operators may share them: 1.4 to 3.6 times the speed.
    "pipeline.object-reuse": ("true", "rows are copied where they are kept"),
    "execution.runtime-mode": ("STREAMING", "a checkpoint needs a stream"),
    # Without it, a bounded source ends the job before its last checkpoint, and nothing is published.
    "execution.checkpointing.checkpoints-after-tasks-finish": ("true", "the last version hangs on the last checkpoint"),
    "execution.checkpointing.mode": ("EXACTLY_ONCE", "stream and model are one cut"),
    "execution.checkpointing.unaligned.enabled": ("false", "what lies before the barrier must be learned before it"),
    "execution.checkpointing.storage": ("filesystem", "the default is the JobManager's heap, 5 MB"),
    "execution.checkpointing.externalized-checkpoint-retention": ("RETAIN_ON_CANCELLATION", "`resume` needs them"),
    "table.local-time-zone": ("UTC", "time is UTC"),
}
"""Set whatever the pipeline says: value, reason."""

_LOOPBACK: Mapping[str, tuple[str, str]] = {
    "rest.address": ("localhost", "the web UI has no password"),
    "rest.bind-address": ("localhost", "the web UI has no password"),
}
"""The same, for a cluster of our own."""

_UNCLAIMED = "execution.state-recovery.ignore-unclaimed-state"

_OURS: Mapping[str, str] = {
    "execution.checkpointing.interval": "checkpoint.every",
    "execution.checkpointing.dir": "checkpoint.dir",
    "state.checkpoints.dir": "checkpoint.dir",
    "execution.state-recovery.path": "`--resume`",
    # State that nobody claims may be the position in the stream: it would be read from its beginning, in silence.
    _UNCLAIMED: "`--resume`, which leaves the state of sinks behind where they alone differ",
    "pipeline.name": "name",
    "pipeline.jars": "runtime.flink.jars",
    "pipeline.classpaths": "runtime.flink.jars",
    "rest.port": REST_PORT,
    "execution.target": "runtime.flink.target",
    "parallelism.default": "runtime.flink.parallelism",
    "java.io.tmpdir": "$TMPDIR",
    "io.tmp.dirs": "$TMPDIR",
}
"""Set from the pipeline: the key of ours that says it."""

_DEFAULTS: Mapping[str, str] = {
    "execution.checkpointing.num-retained": "3",
    # A store or a disk may be slow for a while: the stream runs on, the next checkpoint comes.
    "execution.checkpointing.tolerable-failed-checkpoints": "3",
    "execution.checkpointing.timeout": "10 min",
    # Bounded: a job that restarts for ever hides its error. 1 s, 2 s, 4 s; forgotten after ten minutes of peace.
    "restart-strategy.type": "exponential-delay",
    "restart-strategy.exponential-delay.initial-backoff": "1 s",
    "restart-strategy.exponential-delay.max-backoff": "30 s",
    "restart-strategy.exponential-delay.backoff-multiplier": "2.0",
    "restart-strategy.exponential-delay.jitter-factor": "0.0",
    "restart-strategy.exponential-delay.reset-backoff-threshold": "10 min",
    "restart-strategy.exponential-delay.attempts-before-reset-backoff": "3",
}
"""Ours unless `runtime.flink.options` says otherwise."""

CLUSTER: Mapping[str, str] = {
    REST_PORT: _PORTS,
    "heartbeat.interval": "2 s",
    "heartbeat.timeout": "10 s",
    "metrics.fetcher.update-interval": "1000",
    # One task slot on a laptop; the JVM's own limit is -Xmx, for local mode's memory options do not bound the heap.
    "taskmanager.memory.managed.size": "64m",
    "taskmanager.memory.network.min": "32m",
    "taskmanager.memory.network.max": "32m",
    "cluster.io-pool.size": "4",
}
"""The same, for a cluster of our own: one that runs has made up its mind."""


def refuse_ours(options: Mapping[str, str | Secret]) -> None:
    """PipelineError for an option that is not the user's to set, naming what is."""
    for key in options:
        place = f"runtime.flink.options.{key}"
        if key in _OURS:
            raise PipelineError(f"Flink option {key!r} is set by us", where=place, fix=f"use {_OURS[key]}")
        fixed = _FIXED.get(key) or _LOOPBACK.get(key)
        if fixed:
            value, reason = fixed
            raise PipelineError(
                f"Flink option {key!r} is set by us", where=place, expected=f"{value}: {reason}", fix="leave it out"
            )


def metrics_options(metrics: Metrics, run: str) -> dict[str, str]:
    """Switches on the page for Prometheus; why it is not Flink's own: docs/decisions/0013-metrics.md."""
    if metrics.prometheus is None:
        return {}
    reporter = "metrics.reporter.dlonflink"
    return {
        f"{reporter}.factory.class": "org.dlonflink.metrics.LoopbackReporterFactory",
        f"{reporter}.port": str(metrics.prometheus),
        f"{reporter}.scope.variables.additional": f"run:{run}",
        # Made anew at every start or restart: each would begin series of its own, and say no more than the names do.
        f"{reporter}.scope.variables.excludes": (
            "host;tm_id;job_id;task_id;task_attempt_id;task_attempt_num;operator_id;jobmanager_id"
        ),
    }


def flink_options(
    pipeline: Pipeline,
    *,
    checkpoints: str,
    scratch: Path,
    resume: str | None,
    other_sinks: bool = False,
    jars: Sequence[str] = (),
) -> dict[str, Text]:
    """The whole configuration. `resume` is the URL of a retained checkpoint, whose state of sinks is left behind with
    `other_sinks`; `jars` are those a cluster has to get.
    """
    flink = pipeline.runtime.flink
    remote = flink.target == "remote"
    fixed = _FIXED if remote else {**_FIXED, **_LOOPBACK}
    options: dict[str, Text] = {
        **_DEFAULTS,
        **({} if remote else CLUSTER),
        **texts(flink.options),
        **{key: value for key, (value, _) in fixed.items()},
        "pipeline.name": pipeline.name,
        "parallelism.default": str(flink.parallelism),
        "execution.checkpointing.interval": f"{milliseconds(pipeline.checkpoint.every)} ms",
        "execution.checkpointing.dir": checkpoints,
    }
    if remote:
        place = urlsplit(flink.address or "")
        options |= {"rest.address": str(place.hostname), "rest.port": str(place.port), "pipeline.jars": ";".join(jars)}
    else:
        options["io.tmp.dirs"] = str(scratch)
    if resume:
        options["execution.state-recovery.path"] = resume
        options[_UNCLAIMED] = str(other_sinks).lower()
    return dict(sorted(options.items()))


def texts(values: Mapping[str, str | Secret]) -> dict[str, Text]:
    """As a plan holds them: a secret as its reference."""
    return {key: value if isinstance(value, str) else (value.placed(),) for key, value in values.items()}

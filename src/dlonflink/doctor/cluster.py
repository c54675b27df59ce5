"""The cluster, where the pipeline is to run on one."""

from __future__ import annotations

from collections.abc import Iterator

from dlonflink.doctor.finding import Finding
from dlonflink.errors import DLOnFlinkError
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.runtime.remote import check_cluster, slots


def cluster(pipeline: Pipeline) -> Iterator[Finding]:
    """Does it answer, is it of our Flink, and has it room?"""
    flink = pipeline.runtime.flink
    if flink.target != "remote" or flink.address is None:
        return
    try:
        check_cluster(flink.address)
        free, total = slots(flink.address)
    except DLOnFlinkError as error:
        yield Finding.of("cluster", error)
        return
    except OSError as error:
        yield Finding("cluster", "fail", f"{flink.address} went away: {error}", "look into the JobManager's log")
        return
    said = f"{flink.address}: {free} of {total} task slots are free, {flink.parallelism} needed"
    if total < flink.parallelism:
        yield Finding("cluster", "fail", said, "add TaskManagers or slots, or lower runtime.flink.parallelism")
    elif free < flink.parallelism:
        yield Finding("cluster", "warn", said, "stop another job, or the run waits for slots")
    else:
        yield Finding("cluster", "ok", said)

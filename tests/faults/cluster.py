"""Faults of Flink's own processes, and of a worker beside them, on a standalone cluster."""

from __future__ import annotations

from collections.abc import Mapping

import dlonflink as dlf
from dlonflink.errors import DLOnFlinkError
from dlonflink.runtime.rest import Server
from dlonflink.testing.cluster import StandaloneCluster
from dlonflink.testing.faults import Outcome
from faults.case import Case, Fault
from witnessed import LONGER

_SLOTS = 4


def worker(case: Case) -> Outcome:
    """At random, and with a snapshot half sent."""
    cluster = case.clusters.of()
    first, second = case.chance.randint(2, 12), case.chance.randint(1, 4)
    faults = case.faults(f"learner.learn=kill@{first}*1, worker.snapshot=kill@{second}*1")
    return case.outcome(faults, dlf.run(faults.arm(case.pipeline(cluster))), embedded=False)


def task_manager(case: Case) -> Outcome:
    """The other one takes the job over."""
    cluster, faults = case.clusters.of(), case.faults()
    cluster.await_slots(_SLOTS)
    with dlf.start(faults.arm(case.pipeline(cluster, learner=LONGER))) as job:
        case.moment(job)
        cluster.kill_task_manager(where(cluster, case.name))
        faults.happens()
        summary = job.wait()
    cluster.start_task_manager()
    return case.outcome(faults, summary, embedded=False)


def job_manager_with_zookeeper(case: Case) -> Outcome:
    """Its successor goes on with the job, and the client never knows."""
    cluster, faults = case.clusters.of(high_availability=True), case.faults()
    cluster.await_slots(_SLOTS)
    with dlf.start(faults.arm(case.pipeline(cluster, learner=LONGER))) as job:
        case.moment(job)
        cluster.kill_job_manager()
        faults.happens()
        cluster.start_job_manager()
        summary = job.wait()
    return case.outcome(faults, summary, embedded=False)


def job_manager(case: Case) -> Outcome:
    """Its successor knows of no job: the client hears of it, and resumes."""
    cluster, faults = case.clusters.of(), case.faults()
    cluster.await_slots(_SLOTS)
    one = faults.arm(case.pipeline(cluster, learner=LONGER))
    with dlf.start(one) as job:
        case.moment(job)
        cluster.kill_job_manager()
        faults.happens()
        cluster.start_job_manager()
        try:
            summary = job.wait()
        except DLOnFlinkError:
            cluster.await_slots(_SLOTS)
            summary = dlf.run(one, resume=True)
        else:
            raise AssertionError("the job has gone on without anybody who knew of it")
    return case.outcome(faults, summary, embedded=False)


def where(cluster: StandaloneCluster, name: str) -> str:
    """The TaskManager that the pipeline's first task is on."""
    server, job = Server(cluster.address), dlf.Submitted.of(name).job_id
    vertices = server.get(f"/jobs/{job}")["vertices"]
    return server.get(f"/jobs/{job}/vertices/{vertices[0]['id']}")["subtasks"][0]["taskmanager-id"]


FAULTS: Mapping[str, Fault] = {
    "cluster-worker": worker,
    "task-manager": task_manager,
    "job-manager-zookeeper": job_manager_with_zookeeper,
    "job-manager": job_manager,
}

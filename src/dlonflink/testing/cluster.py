"""A standalone Flink cluster on this machine, of separate processes, from the jars that pip installed alone.

The package apache-flink-libraries holds no start scripts and no configuration: both are made here. Everything listens
on the loopback interface, on ports that were free, and lies in one temporary directory.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from dlonflink.errors import SetupError
from dlonflink.runtime.flink import OPENS, flink_jars
from dlonflink.runtime.java import find_java
from dlonflink.runtime.rest import Server
from dlonflink.settings import inherited

_SECONDS = 120.0
"""A busy machine takes its time to start a JVM."""
_GRACE = 10.0

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_ZOOKEEPER = "org.apache.flink.runtime.zookeeper.FlinkZooKeeperQuorumPeer"
"""Flink's distribution holds a whole one: one process keeps what a JobManager that comes after another must know."""

_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = Console
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c{1.} %m%n
logger.netty.name = org.apache.flink.shaded.netty4.io.netty.util
logger.netty.level = WARN
"""

_CONFIGURATION: Mapping[str, str] = {
    "jobmanager.rpc.address": "localhost",
    "jobmanager.bind-host": "localhost",
    "taskmanager.host": "localhost",
    "taskmanager.bind-host": "localhost",
    "rest.address": "localhost",
    "rest.bind-address": "localhost",
    "heartbeat.interval": "2 s",
    "heartbeat.timeout": "10 s",
    "metrics.fetcher.update-interval": "1000",
    "cluster.io-pool.size": "4",
    # A TaskManager's memory, as taskmanager.sh would work it out; together with the JVMs below about 1 GB.
    "taskmanager.cpu.cores": "1.0",
    "taskmanager.memory.task.heap.size": "192m",
    "taskmanager.memory.task.off-heap.size": "32m",
    "taskmanager.memory.framework.heap.size": "64m",
    "taskmanager.memory.framework.off-heap.size": "64m",
    "taskmanager.memory.network.min": "32m",
    "taskmanager.memory.network.max": "32m",
    "taskmanager.memory.managed.size": "16m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
}
_JOB_MANAGER_JVM = ("-Xmx256m", "-XX:MaxMetaspaceSize=256m")
_TASK_MANAGER_JVM = ("-Xmx256m", "-XX:MaxDirectMemorySize=128m", "-XX:MaxMetaspaceSize=256m")
_ZOOKEEPER_JVM = ("-Xmx64m",)
_JVM = ("-XX:+UseSerialGC", *OPENS)

_ZOOKEEPER_FILE = """\
dataDir={data}
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
tickTime=2000
initLimit=10
syncLimit=5
server.1=localhost:{peers}:{election}
"""
_SESSION_MILLIS = 6_000
"""After it a JobManager that was killed is no longer the leader; ZooKeeper takes no less than two of its ticks."""


@final
class StandaloneCluster:
    """One JobManager and some TaskManagers. `with StandaloneCluster() as cluster: ... cluster.address`."""

    def __init__(
        self,
        *,
        task_managers: int = 1,
        slots: int = 2,
        options: Mapping[str, str] | None = None,
        high_availability: bool = False,
    ) -> None:
        """`slots` each. `options` are Flink's, for every process. `high_availability`: beside a ZooKeeper, so that
        a JobManager goes on with the jobs of one that was killed.
        """
        self._count = task_managers
        self._options = {"taskmanager.numberOfTaskSlots": str(slots), **(options or {})}
        self._high_availability = high_availability
        self._processes: list[subprocess.Popen[bytes]] = []
        self._job_manager: subprocess.Popen[bytes]
        self._task_managers: dict[str, subprocess.Popen[bytes]] = {}
        self._started = 0

    @property
    def address(self) -> str:
        """For `runtime.flink.address`."""
        return f"http://localhost:{self._port}"

    def __enter__(self) -> Self:
        self._java = find_java()
        self._jars = flink_jars()
        # Short, for the workers' sockets lie below.
        self.directory = Path(tempfile.mkdtemp(prefix="dlf-c-"))
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def start_job_manager(self) -> None:
        """After `kill_job_manager`, at the same address. TaskManagers come back to it by themselves."""
        arguments = ["--configDir", str(self.directory)]
        self._job_manager = self._spawn("jobmanager", _JOB_MANAGER_JVM, _JOB_MANAGER, arguments)

    def kill_job_manager(self) -> None:
        """As the kernel would."""
        self._kill(self._job_manager)

    def start_task_manager(self, environment: Mapping[str, str] | None = None) -> str:
        """One more; its resource id. It registers by itself: `await_slots` waits for it."""
        name, self._started = f"tm-{self._started}", self._started + 1
        arguments = ["--configDir", str(self.directory), "-D", f"taskmanager.resource-id={name}"]
        self._task_managers[name] = self._spawn(name, _TASK_MANAGER_JVM, _TASK_MANAGER, arguments, environment)
        return name

    def kill_task_manager(self, resource_id: str) -> None:
        """As the kernel would: `tm-0` was the first to start."""
        self._kill(self._task_managers.pop(resource_id))

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        self._processes.remove(process)

    def await_slots(self, count: int) -> None:
        """Waits until so many slots are registered. Raises SetupError where a process ends before, or time does."""
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                overview: Any = Server(self.address).get("/overview")
                if overview["slots-total"] >= count:
                    return
            except OSError:
                pass  # not yet
            ended = next((one for one in self._processes if one.poll() is not None), None)
            if ended is not None or time.monotonic() > deadline:
                raise SetupError(
                    "the cluster did not start",
                    where=str(self.directory),
                    got=self._said() or (f"exit code {ended.returncode}" if ended else f"not within {_SECONDS:.0f} s"),
                )
            time.sleep(0.1)

    def log(self) -> str:
        """What all processes have logged."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.directory.glob("*.log")))

    def _start(self) -> None:
        self._port, rpc, *others = _free_ports(5)
        (self.directory / "tmp").mkdir()
        (self.directory / "log4j2.properties").write_text(_LOGGING)
        configuration = {
            **_CONFIGURATION,
            "jobmanager.rpc.port": str(rpc),
            "rest.port": str(self._port),
            "io.tmp.dirs": str(self.directory / "tmp"),
            **(self._start_zookeeper(*others) if self._high_availability else {}),
            **self._options,
        }
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in configuration.items()]
        (self.directory / "config.yaml").write_text("".join(lines))
        self.start_job_manager()
        for _ in range(self._count):
            self.start_task_manager()
        self.await_slots(self._count * int(self._options["taskmanager.numberOfTaskSlots"]))

    def _start_zookeeper(self, port: int, peers: int, election: int) -> Mapping[str, str]:
        """Flink's options for it."""
        data, file = self.directory / "zookeeper", self.directory / "zookeeper.cfg"
        data.mkdir()
        file.write_text(_ZOOKEEPER_FILE.format(data=data, port=port, peers=peers, election=election))
        self._spawn("zookeeper", _ZOOKEEPER_JVM, _ZOOKEEPER, ["--zkConfigFile", str(file), "--peerId", "1"])
        return {
            "high-availability.type": "zookeeper",
            "high-availability.zookeeper.quorum": f"localhost:{port}",
            "high-availability.zookeeper.client.session-timeout": str(_SESSION_MILLIS),
            "high-availability.storageDir": (self.directory / "jobs").as_uri(),
        }

    def _spawn(
        self,
        name: str,
        memory: Sequence[str],
        entry: str,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        command = [
            str(self._java),
            *memory,
            *_JVM,
            f"-Djava.io.tmpdir={self.directory / 'tmp'}",
            f"-Dlog4j.configurationFile={(self.directory / 'log4j2.properties').as_uri()}",
            "-cp",
            ":".join(map(str, self._jars)),
            entry,
            *arguments,
        ]
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Their plugins and logs default to places below the working directory.
                cwd=self.directory,
                env={**inherited(), "FLINK_LOG_DIR": str(self.directory), **(environment or {})},
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _stop(self) -> None:
        # The TaskManagers first: each ends its workers. A ZooKeeper last.
        task_managers = list(self._task_managers.values())
        others = [one for one in reversed(self._processes) if one not in task_managers]
        for process in [*task_managers, *others]:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(_GRACE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._processes.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _said(self) -> str | None:
        lines = [line for line in self.log().splitlines() if "Exception" in line or "Error" in line]
        return lines[-1] if lines else None


def _free_ports(count: int) -> list[int]:
    """Held together until all are known, so that they differ."""
    with ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("localhost", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def main() -> None:
    """`python -m dlonflink.testing.cluster`: runs one until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m dlonflink.testing.cluster", allow_abbrev=False)
    parser.add_argument("--slots", type=int, default=4, help="of each TaskManager")
    parser.add_argument("--task-managers", type=int, default=1)
    given = parser.parse_args()
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with StandaloneCluster(task_managers=given.task_managers, slots=given.slots) as cluster:
        text = f"""{cluster.address} is up: {given.task_managers} x {given.slots} task slots. Ctrl-C ends it.
runtime:
  flink: {{target: remote, address: "{cluster.address}"}}
"""
        sys.stdout.write(text)
        sys.stdout.flush()
        signal.sigwait(ends)


if __name__ == "__main__":
    main()

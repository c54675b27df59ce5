"""Disk, temporary files, memory, ports."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from dlonflink.doctor.finding import Finding
from dlonflink.pipeline.options import CLUSTER, REST_PORT
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.runtime.directory import LONGEST_SCRATCH
from dlonflink.runtime.flink import heap
from dlonflink.runtime.places import nearest, unwritable
from dlonflink.settings import home, inherited, local_path

_MIB = 1 << 20
_FULL = 100 * _MIB
_NEARLY_FULL = 1024 * _MIB
_WORKER = 512  # MiB: interpreter, kernels and buffers, without a table
_FREE_PORTS = 8
"""As many as are asked for before one gives up: Flink tries them in order."""


def disks(places: Mapping[str, str]) -> Iterator[Finding]:
    """Each place by the key that names it: can something be written there, and how much?"""
    for key, place in places.items():
        name = f"disk: {key}"
        local = local_path(place)
        if local is None:
            yield Finding(name, "ok", f"{place}: not on this machine, not looked at")
        else:
            yield _disk(name, local.absolute())


def temporary() -> Iterator[Finding]:
    """Sockets and Flink's temporary files: the path must be short."""
    wanted, used = inherited().get("TMPDIR"), tempfile.gettempdir()
    if wanted and Path(wanted).absolute() != Path(used).absolute():
        yield Finding(
            "TMPDIR", "warn", f"{wanted} cannot be written; {used} is used instead", "correct or unset TMPDIR"
        )
    longest = LONGEST_SCRATCH - len("/dlf-xxxxxxxx")
    if len(used) > longest:
        yield Finding(
            "sockets",
            "fail",
            f"{used} has {len(used)} characters; a socket's path leaves room for {longest}",
            "set TMPDIR to a shorter one, e.g. /tmp",
        )
    else:
        yield Finding("sockets", "ok", f"{used} is short enough")
    yield from disks({"TMPDIR": used})


def at_home() -> Iterator[Finding]:
    """Where runs, logs and checkpoints go unless the pipeline says otherwise."""
    yield from disks({"DLONFLINK_HOME": str(home())})


def memory() -> Iterator[Finding]:
    """Is there room for the JVM's heap and a worker?"""
    available, total = _memory()
    limit = _container()
    room = min(available, limit) if limit is not None else available
    jvm = heap()
    said = f"{available:,} of {total:,} MiB available" + (f", the container may use {limit:,}" if limit else "")
    if room < jvm + _WORKER:
        yield Finding(
            "memory",
            "warn",
            f"{said}; the JVM may take {jvm:,} and a worker takes {_WORKER} and its table",
            "close other programs, or use a machine with more memory: else the kernel ends the worker (exit code 137)",
        )
    else:
        yield Finding("memory", "ok", f"{said}; the JVM may take {jvm:,}")


def ports(name: str, bounds: str, fix: str) -> Iterator[Finding]:
    """Is one of `bounds`, Flink's way of writing ports (`8081`, `18081-18980`, `50100,50200`), free on loopback?"""
    taken: list[int] = []
    for port in _ports(bounds):
        if _free(port):
            yield Finding(name, "ok", f"{bounds}: {port or 'any'} is free")
            return
        taken.append(port)
        if len(taken) == _FREE_PORTS:
            break
    said = ", ".join(map(str, taken))
    if len(taken) == _FREE_PORTS:
        yield Finding(
            name, "warn", f"{bounds}: the first {_FREE_PORTS} are taken", "are there runs left over? See `ps`"
        )
    else:
        yield Finding(name, "fail", f"{bounds}: no port is free (taken: {said})" if said else f"{bounds}: no port", fix)


def web(pipeline: Pipeline | None) -> Iterator[Finding]:
    """A port for Flink's web UI, and one for Prometheus where it is asked for."""
    written = None if pipeline is None else pipeline.runtime.flink.options.get(REST_PORT)
    fix = f'name other ports: runtime.flink.options: {{{REST_PORT}: "18081-18980"}}'
    yield from ports("web UI", written if isinstance(written, str) else CLUSTER[REST_PORT], fix)
    asked = None if pipeline is None else pipeline.runtime.metrics.prometheus
    if asked is not None:
        fix = "give runtime.metrics.prometheus a range, e.g. 9249-9259"
        yield from ports("Prometheus", str(asked), fix)


def places(pipeline: Pipeline) -> Iterator[Finding]:
    """Where this pipeline's checkpoints and versions go."""
    wanted: dict[str, str] = {}
    if pipeline.checkpoint.dir is not None:
        wanted["checkpoint.dir"] = pipeline.checkpoint.dir
    if pipeline.export is not None:
        wanted["export.to"] = pipeline.export.to
    yield from disks(wanted)


def _disk(name: str, place: Path) -> Finding:
    reason = unwritable(str(place))
    if reason:
        return Finding(name, "fail", f"{place} cannot be written: {reason}", "name a place you may write to")
    free = shutil.disk_usage(nearest(place)).free
    said = f"{place}: {free / (1 << 30):,.1f} GiB free"
    if free < _FULL:
        return Finding(name, "fail", said, "make room, or name another place")
    return Finding(name, "warn", said, "make room") if free < _NEARLY_FULL else Finding(name, "ok", said)


def _memory() -> tuple[int, int]:
    """MiB that are available, and that there are."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines() if ":" in line)
    available, total = (int(lines[key].split()[0]) >> 10 for key in ("MemAvailable", "MemTotal"))
    return available, total


def _container() -> int | None:
    """MiB that the control group leaves to us, where it has a limit."""
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        return None if limit == "max" else (int(limit) - int(used)) // _MIB
    except (OSError, ValueError):
        return None  # another version of control groups, or none


def _ports(bounds: str) -> Iterator[int]:
    for part in bounds.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            yield from range(int(first), int(last or first) + 1)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # As Netty does: what a connection of before left behind does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def processors() -> Iterator[Finding]:
    """A run uses two: one for Flink, one for the worker."""
    count = len(os.sched_getaffinity(0))
    yield Finding(
        "processors", "ok" if count > 1 else "warn", str(count), None if count > 1 else "two are twice as fast"
    )

"""Every type, both ways: Java encodes rows of its own, pyarrow reads them and writes them back, Java decodes them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlonflink.runtime.flink import class_path
from dlonflink.runtime.java import find_java
from dlonflink.types import parse
from type_trees import Tree, described, trees

JAVA = Path(__file__).parent.parent / "java"
CASES = 2_000


class Codec:
    """The Java side: one JVM for all cases."""

    def __init__(self, classes: Path) -> None:
        path = os.pathsep.join([str(classes), class_path([])])
        flags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m"]
        command = [find_java(), *flags, "-cp", path, "org.dlonflink.arrow.TypePeer"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, *messages: bytes | pa.Buffer) -> None:
        assert self.process.stdin is not None
        for message in messages:
            self.process.stdin.write(len(message).to_bytes(4, "big"))
            self.process.stdin.write(message)
        self.process.stdin.flush()

    def count(self, messages: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(messages.to_bytes(4, "big"))

    def receive(self) -> list[bytes]:
        return [self._read(self._number()) for _ in range(self._number())]

    def _number(self) -> int:
        return int.from_bytes(self._read(4), "big")

    def _read(self, size: int) -> bytes:
        assert self.process.stdout is not None
        data = self.process.stdout.read(size)
        assert len(data) == size, f"the JVM has ended: {self.process.wait(60)}"
        return data


@pytest.fixture(scope="module")
def codec() -> Iterator[Codec]:
    classes = JAVA / "target" / "test-classes"
    if not current(classes / "org" / "dlonflink" / "arrow"):
        maven = ["mvn", "-q", "-B", "-ntp", "-Dspotless.check.skip", "-f", JAVA / "pom.xml", "test-compile"]
        subprocess.run(maven, check=True)
    peer = Codec(classes)
    yield peer
    peer.process.kill()
    peer.process.communicate()


def current(classes: Path) -> bool:
    """Whether the Java tests are compiled: each of the peer's sources is older than its class."""
    sources = JAVA / "src" / "test" / "java" / "org" / "dlonflink" / "arrow"
    return all(
        (classes / f"{name}.class").is_file()
        and (classes / f"{name}.class").stat().st_mtime >= (sources / f"{name}.java").stat().st_mtime
        for name in ("TypePeer", "NeutralRows", "Plain", "RandomRows")
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Tree], list[list[list[Any]]]]:
    columns = {f"c{i}": tree for i, tree in enumerate(draw(st.lists(trees(), min_size=1, max_size=2)))}
    sizes = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    return columns, [[[tree.some(draw) for tree in columns.values()] for _ in range(size)] for size in sizes]


@pytest.mark.timeout(600)  # 20 s of a core's own time
@settings(max_examples=CASES, suppress_health_check=list(HealthCheck), deadline=None)
@given(cases(), st.booleans(), st.sampled_from(["as it came", "sliced", "taken", "made anew"]))
def test_every_type_both_ways(
    codec: Codec, case: tuple[dict[str, Tree], list[list[list[Any]]]], binary: bool, back: str
) -> None:
    columns, rows = case
    request = {"row": described(columns), "batches": rows, "binary": binary}
    codec.send(json.dumps(request).encode())
    schema, *batches = codec.receive()
    assert batches, schema.decode()
    returned: list[pa.RecordBatch] = []
    try:
        returned = checked(schema, batches, case, back)
    finally:  # it waits for them, whatever was found
        codec.count(len(returned))
        codec.send(*(batch.serialize() for batch in returned))
        (difference,) = codec.receive()
    assert difference.decode() == ""


def checked(
    schema: bytes, batches: list[bytes], case: tuple[dict[str, Tree], list[list[list[Any]]]], back: str
) -> list[pa.RecordBatch]:
    """The batches to send back, where those that came are right."""
    columns, rows = case
    read = pa.ipc.read_schema(pa.py_buffer(schema))
    check_schema(read, columns)
    held = [pa.ipc.read_record_batch(pa.py_buffer(batch), read) for batch in batches]
    for batch, expected in zip(held, rows, strict=True):
        batch.validate(full=True)
        values = [[tree.neutral(one) for one in batch.column(name)] for name, tree in columns.items()]
        assert [list(row) for row in zip(*values, strict=True)] == expected
    return written(held, rows, columns, back)


def check_schema(schema: pa.Schema, columns: dict[str, Tree]) -> None:
    """What Java says a type is, what this test does, and what Python's grammar does are one."""
    for field, (name, tree) in zip(schema, columns.items(), strict=True):
        assert (field.name, field.nullable) == (name, True)
        assert field.type.equals(tree.arrow, check_metadata=True), f"{field.type} for {tree.text}"
        if tree.text is not None:
            assert parse(tree.text, column=name).equals(field.type, check_metadata=True)


def written(
    held: list[pa.RecordBatch], rows: list[list[list[Any]]], columns: dict[str, Tree], back: str
) -> list[pa.RecordBatch]:
    """The same rows by other ways through pyarrow."""
    if back == "as it came":
        return held
    if back == "made anew":
        every = [row for batch in rows for row in batch]
        arrays = [
            pa.array([tree.python(row[i]) for row in every], tree.arrow) for i, tree in enumerate(columns.values())
        ]
        return [pa.RecordBatch.from_arrays(arrays, schema=held[0].schema)]
    if back == "taken":
        return [batch.take(pa.array(range(len(batch)), pa.int64())) for batch in held]
    (whole,) = pa.Table.from_batches(held).combine_chunks().to_batches() or [held[0]]
    return [whole.slice(start, 2) for start in range(0, len(whole), 2)]

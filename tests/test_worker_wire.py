"""The codec: every message survives the trip, and hostile bytes end in a ProtocolError and nothing else."""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlonflink.errors import LearnerError, ProtocolError
from dlonflink.worker import messages, wire

I64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(max_size=20)
JSON = st.dictionaries(
    TEXT,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT, lambda inner: st.lists(inner, max_size=3)
    ),
    max_size=4,
)
HELLO = st.builds(
    lambda **members: messages.Hello.model_validate(members),
    protocol=st.integers(0, 9),
    job=TEXT,
    run=TEXT,
    role=st.just("train"),
    index=st.integers(0, 9),
    parallelism=st.integers(1, 9),
    attempt=st.integers(0, 9),
    schema=st.just("AAAA"),
    worker=st.lists(JSON, min_size=1, max_size=2),
    restore=st.booleans(),
    limits=st.builds(messages.Limits, frame_bytes=st.integers(1 << 16, (1 << 32) - 1)),
)
MESSAGES = st.one_of(
    HELLO,
    st.builds(messages.Restore, st.binary(max_size=40)),
    st.builds(messages.Restore, st.binary(min_size=32, max_size=32), st.just(True)),
    st.builds(messages.Batch, st.binary(max_size=40)),
    st.builds(messages.Scored, st.binary(max_size=40)),
    *(
        st.builds(make, I64)
        for make in (
            messages.Barrier,
            messages.Commit,
            messages.Abort,
            messages.Aligned,
            messages.Watermark,
            messages.Passed,
            messages.Heartbeat,
        )
    ),
    st.builds(messages.End),
    st.builds(messages.Stop),
    st.builds(messages.Chunks, I64, st.integers(1, 2**31 - 1)),
    st.builds(
        messages.Ready,
        protocol=st.just(2),
        pid=I64,
        libraries=st.dictionaries(TEXT, TEXT, max_size=3),
        received=st.integers(0, 2**63 - 1),
    ),
    st.builds(messages.Credit, st.integers(-(2**31), 2**31 - 1)),
    st.builds(messages.Snapshot, I64, st.binary(max_size=40)),
    st.builds(messages.Durable, I64, st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32)),
    st.builds(
        messages.Version,
        checkpoint=I64,
        outcome=st.sampled_from(["published", "skipped", "failed"]),
        version=st.none() | I64,
        reason=st.none() | TEXT,
    ),
    st.builds(messages.Finished, JSON),
    st.builds(messages.Metrics, JSON),
    st.builds(messages.Error, st.dictionaries(TEXT, st.none() | TEXT, max_size=4)),
)


def frame(message: messages.Message) -> bytes:
    return b"".join(wire.encode(message))


def read(data: bytes, cap: int = messages.FRAME_BYTES) -> messages.Message:
    header = wire.decode_header(data[: wire.HEADER_BYTES], cap=cap)
    return wire.decode(header, data[wire.HEADER_BYTES :])


@given(MESSAGES)
def test_every_message_survives_the_trip(message: messages.Message) -> None:
    assert read(frame(message)) == message


@given(st.binary(min_size=8, max_size=8), st.binary(max_size=64))
def test_hostile_bytes_are_a_protocol_error(head: bytes, payload: bytes) -> None:
    try:
        header = wire.decode_header(head, cap=1 << 20)
        assert header.length <= 1 << 20
        wire.decode(header, payload)
    except ProtocolError:
        pass


@given(MESSAGES, st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_frame_is_a_message_or_a_protocol_error(message: messages.Message, at: int, value: int) -> None:
    data = bytearray(frame(message))
    data[at % len(data)] = value
    with contextlib.suppress(ProtocolError):
        read(bytes(data))


@given(MESSAGES, st.data())
def test_a_short_frame_is_a_protocol_error(message: messages.Message, data: st.DataObject) -> None:
    whole = frame(message)
    if len(whole) > wire.HEADER_BYTES:
        cut = data.draw(st.integers(wire.HEADER_BYTES, len(whole) - 1))
        with pytest.raises(ProtocolError, match="cut short"):
            read(whole[:cut])


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ((3, 0, 0, 1 << 30), "longer than the cap"),
        ((0, 0, 0, 0), "unknown type"),
        ((46, 0, 0, 0), "unknown type"),
        ((3, 0, 7, 0), "damaged"),
        ((3, 1, 0, 0), "unknown flags"),
        ((2, 2, 0, 0), "unknown flags"),
    ],
)
def test_a_header_is_judged_before_anything_is_allocated(header: tuple[int, int, int, int], what: str) -> None:
    with pytest.raises(ProtocolError, match=what):
        wire.decode_header(struct.pack("<BBHI", *header), cap=1 << 20)


GOLDEN = json.loads((Path(__file__).parents[1] / "contract" / "golden" / "frames.json").read_text())
BYTES = bytes(range(32))
HELLO_MEMBERS = {
    "protocol": 2,
    "job": "clicks",
    "run": "20130101-051500",
    "role": "train",
    "index": 0,
    "parallelism": 1,
    "attempt": 2,
    "schema": "AAAA",
    "worker": [{"name": "clicks"}],
    "restore": True,
    "files": None,
    "limits": {"frame_bytes": 64 << 20, "step_ms": 600_000},
}
MESSAGES_BY_NAME: dict[str, messages.Message] = {
    "HELLO": messages.Hello.model_validate(HELLO_MEMBERS),
    "RESTORE": messages.Restore(b"chunk"),
    "RESTORE, last": messages.Restore(BYTES, last=True),
    "BATCH": messages.Batch(b"\xff\xff\xff\xff\0\0\0\0"),
    "BARRIER": messages.Barrier(7),
    "COMMIT": messages.Commit(7),
    "ABORT": messages.Abort(8),
    "WATERMARK": messages.Watermark(-1),
    "END": messages.End(),
    "STOP": messages.Stop(),
    "CHUNKS": messages.Chunks(7, 16),
    "READY": messages.Ready(protocol=2, pid=4711, libraries={"pyarrow": "23.0.1"}, received=17),
    "SCORED": messages.Scored(b"\xff\xff\xff\xff\0\0\0\0"),
    "REJECT": messages.Reject(b"\xff\xff\xff\xff\0\0\0\0"),
    "CREDIT": messages.Credit(4),
    "ALIGNED": messages.Aligned(7),
    "SNAPSHOT": messages.Snapshot(7, b"chunk"),
    "SNAPSHOT, final": messages.Snapshot(messages.FINAL, b"chunk"),
    "DURABLE": messages.Durable(7, 5, BYTES),
    "VERSION": messages.Version(checkpoint=7, outcome="published", version=3),
    "VERSION, skipped": messages.Version(checkpoint=6, outcome="skipped", reason="ü"),
    "WATERMARK back": messages.Passed(1357017300000),
    "FINISHED": messages.Finished({"rows": 3, "metrics": {"auc": None}}),
    "METRICS": messages.Metrics({"rows": 2}),
    "HEARTBEAT": messages.Heartbeat(1500),
    "ERROR": messages.Error(LearnerError("it raised").to_json()),
}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_golden_frames(golden: dict[str, str]) -> None:
    message = MESSAGES_BY_NAME[golden["name"]]
    assert frame(message).hex() == golden["frame"]
    assert read(bytes.fromhex(golden["frame"])) == message
    assert golden["to"] == ("worker" if message.kind < 32 else "flink")


def test_golden_frames_are_of_every_kind() -> None:
    assert {message.kind for message in MESSAGES_BY_NAME.values()} == set(messages.Kind)
    assert MESSAGES_BY_NAME.keys() == {golden["name"] for golden in GOLDEN}

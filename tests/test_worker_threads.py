"""The worker's threads when something is slow or goes wrong: nothing piles up, and nobody waits for ever."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable

import pytest

from dlonflink.worker import messages, threads, wire
from dlonflink.worker.protocol import Event, Published
from dlonflink.worker.room import Room
from dlonflink.worker.threads import Background, Inbox


class Model:
    """Stands for a copy of the state, whose memory counts."""


def answer(checkpoint: int, outcome: str) -> Published:
    return Published(messages.Version.model_validate({"checkpoint": checkpoint, "outcome": outcome}))


def test_behind_a_slow_job_only_the_newest_waits() -> None:
    inbox = Inbox()
    begun, go = threading.Event(), threading.Event()

    def slow() -> Event:
        begun.set()
        go.wait(60)
        return answer(0, "published")

    def job(checkpoint: int, model: Model) -> Callable[[], Event]:
        return lambda: (model, answer(checkpoint, "published"))[1]

    publications = Background("publish", inbox)
    publications.submit(slow, instead=lambda: answer(0, "skipped"))
    assert begun.wait(60)
    models: list[weakref.ref[Model]] = []
    for checkpoint in range(1, 5):
        model = Model()
        models.append(weakref.ref(model))
        publications.submit(job(checkpoint, model), instead=lambda n=checkpoint: answer(n, "skipped"))
        del model
    gc.collect()
    assert [one() is not None for one in models] == [False, False, False, True]
    go.set()
    expected = [(0, "published"), (1, "skipped"), (2, "skipped"), (3, "skipped"), (4, "published")]
    for checkpoint, outcome in expected:
        assert inbox.take(None) == answer(checkpoint, outcome)
    gc.collect()
    assert models[-1]() is None  # a job that is done holds nothing until the next one


def test_what_may_not_be_skipped_is_not() -> None:
    inbox = Inbox()
    begun, go = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go.wait(60)

    background = Background("publish", inbox)
    background.submit(slow)
    assert begun.wait(60)
    for checkpoint in (1, 2):
        background.submit(lambda n=checkpoint: answer(n, "published"))
    go.set()
    assert [inbox.take(None), inbox.take(None)] == [answer(1, "published"), answer(2, "published")]


def test_a_reader_without_memory_is_told_to_the_learning_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def allocate(_: int) -> None:
        raise MemoryError("malloc of size 64 failed")

    monkeypatch.setattr("pyarrow.allocate_buffer", allocate)
    inbox = Inbox()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        threads.start("reader", lambda: threads.read_frames(ours, inbox, Room()))
        with pytest.raises(MemoryError, match="malloc"):
            inbox.take(None)


def test_a_message_that_cannot_be_sent_ends_the_worker() -> None:
    code = (
        "import socket\n"
        "from dlonflink.worker import messages, threads\n"
        "ours, theirs = socket.socketpair()\n"
        "writer = threads.Writer(ours)\n"
        "for _ in range(100): writer.send(messages.Metrics({'not json': object()}))\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "PydanticSerializationError" in done.stderr


def test_an_error_with_half_a_character_is_told() -> None:
    header, payload = wire.encode(messages.Error({"code": "learner", "what": "no such file: \udc80", "where": None}))
    told = wire.decode(wire.decode_header(header, cap=1 << 16), payload)
    assert told == messages.Error({"code": "learner", "what": "no such file: \\udc80", "where": None})


def test_words_overtake_frames() -> None:
    inbox = Inbox()
    inbox.put_frame(messages.End())
    inbox.put_word(Published(None))
    assert [inbox.take(None), inbox.take(None)] == [Published(None), messages.End()]
    assert inbox.take(0.0) is None

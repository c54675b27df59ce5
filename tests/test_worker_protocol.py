"""The conversation as a state machine: a model of Flink talks to it in every legal order, and in some that are not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dlonflink.errors import ProtocolError
from dlonflink.worker import messages
from dlonflink.worker.protocol import (
    CREDITS,
    Announce,
    Conclude,
    Copy,
    Drop,
    Exit,
    Finish,
    Instruction,
    Learn,
    Learned,
    Open,
    Protocol,
    Publish,
    Published,
    Resume,
    Send,
    Uploaded,
)

DIGEST = b"d" * 32


def hello(*, restore: bool = False, protocol: int = messages.PROTOCOL, parallelism: int = 1) -> messages.Hello:
    return messages.Hello(
        protocol=protocol,
        job="j",
        run="r",
        role="train",
        index=0,
        parallelism=parallelism,
        attempt=0,
        schema="",
        worker=[{}],
        restore=restore,
        limits=messages.Limits(),
    )


def sent(instructions: Sequence[Instruction]) -> list[messages.ToFlink]:
    return [one.message for one in instructions if isinstance(one, Send)]


class Conversation(RuleBasedStateMachine):
    """Flink's side and the worker's threads, as they may legally act. Rows come in batches of 3, learners take 8."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol = Protocol()
        self.credits = 0
        self.received = self.scored = 0
        self.newest = 0
        self.uploading: set[int] = set()
        self.durable: set[int] = set()
        self.publishing: list[int] = []
        self.asked: list[int] = []
        self.answered: list[int] = []
        self.marks: list[tuple[int, int]] = []
        self.passed: list[int] = []
        self.state = "running"

    def tell(self, event: object) -> Sequence[Instruction]:
        """Hands an event over, does what is asked, and keeps the books."""
        instructions = self.protocol.handle(event)  # type: ignore[arg-type]
        for one in instructions:
            match one:
                case Publish(checkpoint=n):
                    self.publishing.append(n)
                case Drop(checkpoint=n):
                    self.uploading.discard(n)
                    self.durable.discard(n)
                case Send(message=messages.Credit(batches=n)):
                    self.credits += n
                case Send(message=messages.Passed(ms=ms)):
                    self.passed.append(ms)
                case Send(message=messages.Version(checkpoint=n)):
                    self.answered.append(n)
                case _:
                    pass
        return instructions

    @initialize(restore=st.booleans())
    def begin(self, restore: bool) -> None:
        instructions = self.tell(hello(restore=restore))
        if restore:
            assert instructions == [Open(hello(restore=True))]
            self.tell(messages.Restore(b"chunk"))
            instructions = self.tell(messages.Restore(DIGEST, last=True))
            assert instructions[0] == Resume(DIGEST)
            self.tell(Published(None))  # what MakeGood came to
        assert instructions[-2:] == [Announce(), Send(messages.Credit(CREDITS))]

    @precondition(lambda self: self.state == "running" and self.credits)
    @rule()
    def batch(self) -> None:
        self.credits -= 1
        assert self.tell(messages.Batch(b"rows")) == [Learn(b"rows"), Send(messages.Credit(1))]
        self.received += 3
        # What a time limit has cut stays learned.
        self.scored = max(self.scored, self.received - self.received % 8)
        self.tell(Learned(self.received, self.scored))

    @precondition(lambda self: self.state == "running")
    @rule()
    def time_limit(self) -> None:
        self.scored = self.received
        self.tell(Learned(self.received, self.scored))

    @precondition(lambda self: self.state == "running")
    @rule()
    def watermark(self) -> None:
        ms = len(self.marks)
        self.marks.append((self.received, ms))
        self.tell(messages.Watermark(ms))

    @precondition(lambda self: self.state != "stopped")
    @rule(step=st.integers(1, 3))
    def barrier(self, step: int) -> None:
        self.newest += step
        instructions = self.tell(messages.Barrier(self.newest))
        assert instructions[:2] == [Copy(self.newest), Send(messages.Aligned(self.newest))]
        self.uploading.add(self.newest)

    @precondition(lambda self: self.uploading)
    @rule(data=st.data())
    def uploaded(self, data: st.DataObject) -> None:
        checkpoint = data.draw(st.sampled_from(sorted(self.uploading)))
        self.uploading.discard(checkpoint)
        instructions = self.tell(Uploaded(checkpoint, 1, DIGEST))
        if self.state == "stopped":
            assert instructions == []
            return
        assert instructions[0] == Send(messages.Durable(checkpoint, 1, DIGEST))
        if checkpoint == messages.FINAL:
            assert instructions[1:] == [Conclude()]
            self.state = "finished"
        else:
            assert instructions[1:] == []  # a version is COMMIT's to ask for
            self.durable.add(checkpoint)

    @precondition(lambda self: self.durable and self.state != "stopped")
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        checkpoint = data.draw(st.sampled_from(sorted(self.durable)))
        instructions = self.tell(messages.Commit(checkpoint))
        self.durable.discard(checkpoint)
        self.asked.append(checkpoint)
        assert instructions[-1] == Publish(checkpoint, checkpoint)
        assert not any(one < checkpoint for one in self.durable)

    @precondition(lambda self: self.state == "finished")
    @rule()
    def commit_after_the_end(self) -> None:
        self.newest += 1
        instructions = self.tell(messages.Commit(self.newest))
        self.asked.append(self.newest)
        self.durable.clear()
        assert instructions[-1] == Publish(self.newest, messages.FINAL)

    @precondition(lambda self: self.state != "stopped")
    @rule(data=st.data())
    def abort(self, data: st.DataObject) -> None:
        known = sorted((self.uploading | self.durable) - {messages.FINAL})
        checkpoint = data.draw(st.sampled_from([*known, self.newest + 5]))
        instructions = self.tell(messages.Abort(checkpoint))
        assert instructions == ([Drop(checkpoint)] if checkpoint in known else [])

    @precondition(lambda self: self.publishing)
    @rule(outcome=st.sampled_from(["published", "skipped", "failed"]))
    def published(self, outcome: str) -> None:
        checkpoint = self.publishing.pop(0)
        answer = messages.Version.model_validate({"checkpoint": checkpoint, "outcome": outcome})
        instructions = self.tell(Published(answer))
        assert instructions[0] == Send(answer)
        assert (Exit() in instructions) == (self.state == "stopped" and not self.publishing)

    @precondition(lambda self: self.state == "running")
    @rule()
    def end(self) -> None:
        assert self.tell(messages.End())[0] == Finish()
        self.scored = self.received
        self.tell(Learned(self.received, self.scored))
        self.uploading.add(messages.FINAL)
        self.state = "ended"

    @precondition(lambda self: self.state != "stopped")
    @rule()
    def stop(self) -> None:
        instructions = self.tell(messages.Stop())
        self.state = "stopped"
        assert (Exit() in instructions) == (not self.publishing)

    @precondition(lambda self: self.state in ("ended", "finished", "stopped"))
    @rule(
        event=st.sampled_from(
            [messages.Batch(b""), messages.Watermark(1), messages.End(), messages.Restore(b""), hello()]
        )
    )
    def out_of_order(self, event: messages.ToWorker) -> None:
        with pytest.raises(ProtocolError, match="out of order"):
            self.protocol.handle(event)

    @invariant()
    def watermarks_pass_in_order_and_only_when_their_rows_are_out(self) -> None:
        assert self.passed == sorted(self.passed)
        due = [ms for rows, ms in self.marks if rows <= self.scored]
        assert set(self.passed) <= set(due)
        assert not due or self.passed[-1] == due[-1]

    @invariant()
    def every_commit_is_answered_once(self) -> None:
        assert sorted(self.answered + self.publishing) == sorted(self.asked)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def running() -> Protocol:
    protocol = Protocol()
    protocol.handle(hello())
    return protocol


@pytest.mark.parametrize(
    "event",
    [
        messages.Batch(b""),
        messages.Barrier(1),
        messages.Commit(1),
        messages.Watermark(1),
        messages.End(),
        messages.Restore(b""),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nothing_comes_before_hello(event: messages.ToWorker) -> None:
    with pytest.raises(ProtocolError, match="out of order"):
        Protocol().handle(event)


def test_barriers_rise() -> None:
    protocol = running()
    protocol.handle(messages.Barrier(2))
    with pytest.raises(ProtocolError, match="out of order"):
        protocol.handle(messages.Barrier(2))


def test_a_commit_waits_for_the_snapshot() -> None:
    protocol = running()
    protocol.handle(messages.Barrier(2))
    with pytest.raises(ProtocolError, match="out of order"):
        protocol.handle(messages.Commit(2))
    with pytest.raises(ProtocolError, match="never had a barrier"):
        running().handle(messages.Commit(3))


def test_a_commit_of_what_a_newer_one_replaced_is_answered() -> None:
    protocol = running()
    for n in (1, 2):
        protocol.handle(messages.Barrier(n))
        protocol.handle(Uploaded(n, 1, DIGEST))
    assert protocol.handle(messages.Commit(2)) == [Drop(1), Publish(2, 2)]
    (answer,) = sent(protocol.handle(messages.Commit(1)))
    assert isinstance(answer, messages.Version)
    assert answer.outcome == "skipped"


def test_another_protocol_and_another_parallelism_are_refused() -> None:
    with pytest.raises(ProtocolError, match="another version"):
        Protocol().handle(hello(protocol=messages.PROTOCOL + 1))
    with pytest.raises(ProtocolError, match="parallelism 1"):
        Protocol().handle(hello(parallelism=2))

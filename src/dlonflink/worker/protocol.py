"""The worker's side of the conversation as a state machine: events in, instructions out, no I/O, no clock, no threads.

An event is a message from Flink, or word from the worker's own threads (Learned, Uploaded, Published). An instruction
is what the loop must do next, in order. All order is decided here: what may come when, which checkpoint is open, which
watermark may pass. Anything out of order is a ProtocolError.

Checkpoint n, as in the design's numbered steps:
  1. BARRIER(n): Copy(n), then ALIGNED(n), for everything before n is learned by now, then Upload(n).
  3. Uploaded(n): DURABLE(n).
  4. COMMIT(n): Publish(n); every older copy is dropped. ABORT(n): Drop(n).
  5. RESTORE comes before READY; a version whose COMMIT was lost is made good.
  6. END: Finish, then the final snapshot, then FINISHED. A checkpoint that Flink makes after that is answered by Flink
     from the final snapshot; its COMMIT, of a number the worker never saw, publishes the final state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from dlonflink.errors import ProtocolError
from dlonflink.worker import messages
from dlonflink.worker.messages import FINAL, PROTOCOL, Bytes, Hello, ToFlink, ToWorker

CREDITS = 4
"""Batches under way: one in the learner, the others cover the round trip. A peer that sends more meets back-pressure
(the inbox is bounded), not an error: by the time a batch is handled here its credit is given back."""

REPLACED = "a newer checkpoint took its place"
"""Why the COMMIT of an older one is answered with `skipped`."""


@dataclass(frozen=True)
class Learned:
    """Rows that came, and rows of them whose scores are out, both since this attempt began. A restored row that still
    waits counts as come.
    """

    received: int
    scored: int


@dataclass(frozen=True)
class Uploaded:
    """Every chunk of the copy is on its way."""

    checkpoint: int
    length: int
    digest: bytes


@dataclass(frozen=True)
class Published:
    """What became of Publish, or (None) of MakeGood."""

    answer: messages.Version | None


@dataclass(frozen=True)
class Open:
    """Build the trainer, not yet restored."""

    hello: Hello


@dataclass(frozen=True)
class Collect:
    """Keep a chunk of the snapshot."""

    chunk: Bytes


@dataclass(frozen=True)
class Resume:
    """Check the chunks against their SHA-256 and restore the trainer from them."""

    digest: bytes


@dataclass(frozen=True)
class MakeGood:
    """Publish, in another thread, the version of the checkpoint restored from, if its COMMIT was lost; Published
    follows.
    """


@dataclass(frozen=True)
class Announce:
    """Send READY."""


@dataclass(frozen=True)
class Learn:
    batch: Bytes


@dataclass(frozen=True)
class Copy:
    """Take the copy of the state, in memory."""

    checkpoint: int


@dataclass(frozen=True)
class Upload:
    """Send the copy, in another thread; Uploaded follows."""

    checkpoint: int


@dataclass(frozen=True)
class Drop:
    """Forget the copy; an upload under way ends early."""

    checkpoint: int


@dataclass(frozen=True)
class Publish:
    """Publish the copy taken for `copy` as checkpoint `checkpoint`, in another thread; Published follows."""

    checkpoint: int
    copy: int


@dataclass(frozen=True)
class Finish:
    """Learn the rows that still wait; Learned follows."""


@dataclass(frozen=True)
class Conclude:
    """Send FINISHED with the last report."""


@dataclass(frozen=True)
class Send:
    message: ToFlink


@dataclass(frozen=True)
class Exit:
    """All is said: exit 0."""


Event = ToWorker | Learned | Uploaded | Published
Step = Open | Collect | Resume | MakeGood | Announce | Learn | Finish | Conclude | Exit
Instruction = Step | Copy | Upload | Drop | Publish | Send


class Phase(Enum):
    HELLO = auto()
    RESTORING = auto()
    RUNNING = auto()
    ENDED = auto()
    FINISHED = auto()
    STOPPING = auto()
    GONE = auto()


class Protocol:
    """One conversation. `handle` is called from one thread, with one event at a time."""

    def __init__(self, learners: int = 1) -> None:
        """`learners`: how many of these may share a stream."""
        self._learners = learners
        self._phase = Phase.HELLO
        self._newest = 0
        self._open: dict[int, bool] = {}  # checkpoint -> its snapshot is durable
        self._publishing = 0
        self._learned = Learned(0, 0)
        self._watermarks: deque[tuple[int, int]] = deque()  # (rows that must be out, ms)

    @property
    def phase(self) -> Phase:
        return self._phase

    def handle(self, event: Event) -> Sequence[Instruction]:
        """Raises ProtocolError when Flink sends what it may not send now."""
        match event:
            case Hello():
                return self._hello(event)
            case messages.Restore():
                return self._restore(event)
            case messages.Batch(data=data):
                return self._batch(data)
            case messages.Watermark(ms=ms):
                return self._watermark(ms)
            case messages.Barrier(checkpoint=checkpoint):
                return self._barrier(checkpoint)
            case messages.Commit(checkpoint=checkpoint):
                return self._commit(checkpoint)
            case messages.Abort(checkpoint=checkpoint):
                return self._abort(checkpoint)
            case messages.End():
                return self._end()
            case messages.Stop():
                return self._stop()
            case Learned():
                return self._learn(event)
            case Uploaded():
                return self._uploaded(event)
            case Published(answer=answer):
                return self._published(answer)

    def _hello(self, hello: Hello) -> Sequence[Instruction]:
        self._expect("HELLO", Phase.HELLO)
        if hello.protocol != PROTOCOL:
            raise ProtocolError(
                "the jar speaks another version of the protocol",
                expected=str(PROTOCOL),
                got=str(hello.protocol),
                fix="the jar and the Python package must be of one release: reinstall dlonflink",
            )
        if hello.parallelism > self._learners:
            raise ProtocolError(
                "the learner runs at parallelism 1 until its tables are sharded",
                expected="1",
                got=str(hello.parallelism),
                fix="leave parallelism.default alone; give the source its own parallelism in SQL instead",
            )
        if hello.restore:
            self._phase = Phase.RESTORING
            return [Open(hello)]
        return [Open(hello), *self._begin()]

    def _restore(self, restore: messages.Restore) -> Sequence[Instruction]:
        self._expect("RESTORE", Phase.RESTORING)
        if not restore.last:
            return [Collect(restore.data)]
        self._publishing += 1
        return [Resume(bytes(restore.data)), MakeGood(), *self._begin()]

    def _begin(self) -> Sequence[Instruction]:
        self._phase = Phase.RUNNING
        return [Announce(), Send(messages.Credit(CREDITS))]

    def _batch(self, data: Bytes) -> Sequence[Instruction]:
        self._expect("BATCH", Phase.RUNNING)
        return [Learn(data), Send(messages.Credit(1))]

    def _learn(self, learned: Learned) -> Sequence[Instruction]:
        self._learned = learned
        passed: list[Instruction] = []
        while self._watermarks and self._watermarks[0][0] <= learned.scored:
            passed.append(Send(messages.Passed(self._watermarks.popleft()[1])))
        return passed

    def _watermark(self, ms: int) -> Sequence[Instruction]:
        self._expect("WATERMARK", Phase.RUNNING)
        if self._learned.scored >= self._learned.received:
            return [Send(messages.Passed(ms))]
        if self._watermarks and self._watermarks[-1][0] == self._learned.received:
            self._watermarks.pop()  # both would pass at once: the later says all
        self._watermarks.append((self._learned.received, ms))
        return []

    def _barrier(self, checkpoint: int) -> Sequence[Instruction]:
        # After END too: Flink may have made the barrier before it saw FINISHED.
        self._expect("BARRIER", Phase.RUNNING, Phase.ENDED, Phase.FINISHED)
        if checkpoint <= self._newest:
            raise _order("BARRIER", f"checkpoint {checkpoint} after {self._newest}")
        self._newest = checkpoint
        self._open[checkpoint] = False
        return [Copy(checkpoint), Send(messages.Aligned(checkpoint)), Upload(checkpoint)]

    def _uploaded(self, uploaded: Uploaded) -> Sequence[Instruction]:
        checkpoint = uploaded.checkpoint
        if checkpoint not in self._open or self._phase in (Phase.STOPPING, Phase.GONE):
            return []  # aborted, or replaced by a newer one, while its last chunk was on the way
        self._open[checkpoint] = True
        durable = Send(messages.Durable(checkpoint, uploaded.length, uploaded.digest))
        if checkpoint != FINAL:
            return [durable]
        self._phase = Phase.FINISHED
        return [durable, Conclude()]

    def _commit(self, checkpoint: int) -> Sequence[Instruction]:
        self._expect("COMMIT", Phase.RUNNING, Phase.ENDED, Phase.FINISHED)
        if checkpoint in self._open and checkpoint != FINAL:
            if not self._open[checkpoint]:
                raise _order("COMMIT", f"checkpoint {checkpoint}, whose snapshot is not durable")
            older = [one for one in self._open if FINAL < one < checkpoint]
            for one in (*older, checkpoint):
                del self._open[one]
            self._publishing += 1
            return [*(Drop(one) for one in older), Publish(checkpoint, checkpoint)]
        if FINAL < checkpoint <= self._newest:
            return [Send(messages.Version(checkpoint=checkpoint, outcome="skipped", reason=REPLACED))]
        if self._phase is not Phase.FINISHED or checkpoint <= FINAL:
            raise _order("COMMIT", f"checkpoint {checkpoint}, which never had a barrier")
        older = [one for one in self._open if one != FINAL]
        for one in older:
            del self._open[one]
        self._newest = checkpoint
        self._publishing += 1
        return [*(Drop(one) for one in older), Publish(checkpoint, FINAL)]

    def _abort(self, checkpoint: int) -> Sequence[Instruction]:
        self._expect("ABORT", Phase.RUNNING, Phase.ENDED, Phase.FINISHED)
        # Flink also aborts checkpoints whose barrier never came to this subtask.
        if checkpoint == FINAL or self._open.pop(checkpoint, None) is None:
            return []
        return [Drop(checkpoint)]

    def _published(self, answer: messages.Version | None) -> Sequence[Instruction]:
        self._publishing -= 1
        said: list[Instruction] = [] if answer is None else [Send(answer)]
        return [*said, *self._gone()] if self._phase is Phase.STOPPING else said

    def _end(self) -> Sequence[Instruction]:
        self._expect("END", Phase.RUNNING)
        self._phase = Phase.ENDED
        self._open[FINAL] = False
        return [Finish(), Copy(FINAL), Upload(FINAL)]

    def _stop(self) -> Sequence[Instruction]:
        self._expect("STOP", *(phase for phase in Phase if phase not in (Phase.STOPPING, Phase.GONE)))
        self._phase = Phase.STOPPING
        dropped = [Drop(one) for one in self._open]
        self._open.clear()
        return [*dropped, *self._gone()]

    def _gone(self) -> Sequence[Instruction]:
        if self._publishing:
            return []
        self._phase = Phase.GONE
        return [Exit()]

    def _expect(self, name: str, *phases: Phase) -> None:
        if self._phase not in phases:
            raise _order(name, f"it came while the worker was {self._phase.name.lower()}")


def _order(name: str, got: str) -> ProtocolError:
    return ProtocolError(
        f"Flink sent {name} out of order",
        where="the socket between Flink and the worker",
        got=got,
        fix="this is a bug of ours: please report it",
    )

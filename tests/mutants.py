"""Seeds bugs, one after another, and shows that the tests find each: `scripts/test --mutants [NAME ...]`.

A bug is put into a copy of this checkout, and there the tests that must fail are run: each of them must, with the bug,
and none without. Exit code 1 when a bug is missed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JAVA_SECONDS = 90
"""Of one test."""
_JAVA = "java/src/main/java/org/dlonflink"
_JAVA_TESTS = "java/src/test/java/org/dlonflink"


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    text: str
    """Stands in the file once."""
    instead: str
    tests: tuple[str, ...]
    """`path::name`; of a parametrized one any case will do."""


MUTANTS: Sequence[Mutant] = (
    Mutant(
        "ALIGNED before the copy is taken",
        "src/dlonflink/worker/protocol.py",
        "return [Copy(checkpoint), Send(messages.Aligned(checkpoint)), Upload(checkpoint)]",
        "return [Send(messages.Aligned(checkpoint)), Copy(checkpoint), Upload(checkpoint)]",
        (
            "tests/test_worker_protocol.py::TestConversation::runTest",
            "tests/test_fuzz.py::test_frames_in_a_wrong_order",
        ),
    ),
    Mutant(
        "COMMIT before the snapshot is durable",
        "src/dlonflink/worker/protocol.py",
        "if not self._open[checkpoint]:",
        "if False:",
        ("tests/test_worker_protocol.py::test_a_commit_waits_for_the_snapshot",),
    ),
    Mutant(
        "a version before COMMIT",
        "src/dlonflink/worker/protocol.py",
        "        if checkpoint != FINAL:\n            return [durable]",
        "        if checkpoint != FINAL:\n            self._publishing += 1\n"
        "            return [durable, Publish(checkpoint, checkpoint)]",
        ("tests/test_worker_protocol.py::TestConversation::runTest",),
    ),
    Mutant(
        "COMMIT of an aborted checkpoint publishes",
        "src/dlonflink/worker/protocol.py",
        "self._open.pop(checkpoint, None) is None",
        "self._open.get(checkpoint) is None",
        ("tests/test_fuzz.py::test_frames_in_a_wrong_order",),
    ),
    Mutant(
        "a watermark overtakes its rows",
        "src/dlonflink/worker/protocol.py",
        "while self._watermarks and self._watermarks[0][0] <= learned.scored:",
        "while self._watermarks:",
        ("tests/test_worker_protocol.py::TestConversation::runTest",),
    ),
    Mutant(
        "a credit is given back twice",
        "src/dlonflink/worker/protocol.py",
        "return [Learn(data), Send(messages.Credit(1))]",
        "return [Learn(data), Send(messages.Credit(2))]",
        ("tests/test_worker_protocol.py::TestConversation::runTest",),
    ),
    Mutant(
        "a lost COMMIT is not made good",
        "src/dlonflink/worker/loop.py",
        "            self._exporter.make_good(copy, restored)\n",
        "",
        ("tests/test_worker_process.py::test_a_killed_worker_is_resumed_to_the_bit",),
    ),
    Mutant(
        "a snapshot's digest is not looked at",
        "src/dlonflink/training/snapshot.py",
        "    if found != digest:",
        "    if False:",
        (
            "tests/test_fuzz.py::test_every_flipped_bit_of_a_snapshot_is_found",
            "tests/test_worker_process.py::test_damaged_bytes_end_the_worker",
        ),
    ),
    Mutant(
        "a version's digests are not looked at",
        "src/dlonflink/store/full.py",
        "    if found != digest:",
        "    if False:",
        (
            "tests/test_fuzz.py::test_every_flipped_bit_of_a_version_is_found",
            "tests/test_store_publish.py::test_a_damaged_file_is_named",
        ),
    ),
    Mutant(
        "the snapshot forgets the rows that wait",
        "src/dlonflink/training/state.py",
        '"trainer/waiting": np.frombuffer(waiting, np.uint8)',
        '"trainer/waiting": np.zeros(0, np.uint8)',
        ("tests/test_training_trainer.py::test_cuts_and_restores_do_not_change_a_bit",),
    ),
    Mutant(
        "rows that wait are taken up twice",
        "src/dlonflink/training/batcher.py",
        "self._hold(batch.select(schema.names), -math.inf)",
        "[self._hold(batch.select(schema.names), -math.inf) for _ in range(2)]",
        ("tests/test_training_trainer.py::test_cuts_and_restores_do_not_change_a_bit",),
    ),
    Mutant(
        "the learner is not restored",
        "src/dlonflink/training/state.py",
        "        restore(self._learner, taken, self._plan.learner)\n",
        "",
        ("tests/test_training_trainer.py::test_cuts_and_restores_do_not_change_a_bit",),
    ),
    Mutant(
        "the metrics are not restored",
        "src/dlonflink/evaluation/evaluator.py",
        '        self._total.restore(within("total", arrays))\n',
        "",
        ("tests/test_training_trainer.py::test_cuts_and_restores_do_not_change_a_bit",),
    ),
    Mutant(
        "the count of rejects is not restored",
        "src/dlonflink/training/trainer.py",
        "        self._judge.restore(restored.judged)\n",
        "",
        ("tests/test_worker_rejects.py::test_rejects_are_the_same_wherever_the_stream_is_cut_and_restored",),
    ),
    Mutant(
        "an attempt of the same run is not fenced",
        "src/dlonflink/store/publisher.py",
        "if state.owner.epoch != self._epoch:",
        "if state.owner.opened.run != self._opened.run:",
        ("tests/test_training_export.py::test_a_later_attempt_fences_this_one",),
    ),
    Mutant(
        "the fence is not looked at when a place in the log is taken",
        "src/dlonflink/store/publisher.py",
        "        while not self._log.append(entry, state):\n            state = self._owned()",
        "        while not self._log.append(entry, state):\n            state = self._log.read()",
        ("tests/test_store_publish.py::TestPublishers::runTest",),
    ),
    Mutant(
        "a checkpoint is published twice",
        "src/dlonflink/store/publisher.py",
        "        if done is not None:",
        "        if False:",
        ("tests/test_store_publish.py::test_publishing_twice_is_publishing_once",),
    ),
    Mutant(
        "Java looks at no digest of a snapshot",
        f"{_JAVA}/operator/SnapshotFormat.java",
        "if (!Arrays.equals(digest.digest(), whole.digest())) {",
        "if (digest.digest().length != whole.digest().length) {",
        (
            f"{_JAVA_TESTS}/operator/HostileBytesTest.java::everyFlippedBitOfASnapshotIsFound",
            f"{_JAVA_TESTS}/operator/SnapshotFormatTest.java::findsEveryChangedByteAndEveryCut",
        ),
    ),
    Mutant(
        "Java believes an ALIGNED that nobody asked for",
        f"{_JAVA}/operator/Conversation.java",
        "require(barriers.remove(checkpoint), frame",
        "require(barriers.remove(checkpoint) || checkpoint > 0, frame",
        (
            f"{_JAVA_TESTS}/operator/ConversationTest.java::aCheckpointAfterItsBarrierAndOnce",
            f"{_JAVA_TESTS}/operator/WorkerLinkTest.java::whatIsOutOfOrderLosesTheWorker",
        ),
    ),
    Mutant(
        "the partial batch stays behind at a barrier",
        f"{_JAVA}/operator/TrainOperator.java",
        "            rows.flush();\n            checkpoints.align(checkpoint);",
        "            checkpoints.align(checkpoint);",
        (f"{_JAVA_TESTS}/main/JobRunTest.java::whatIsGatheredGoesOutBeforeABarrier",),
    ),
    Mutant(
        "a worker is started anew inside the operator",
        f"{_JAVA}/operator/TrainOperator.java",
        "        mailbox.lost(cause);\n        checkpoints.giveUp(cause);\n",
        "        try {\n"
        "            worker = WorkerLink.start(settings, 1, this);\n"
        "            checkpoints = new Checkpoints(worker, mailbox, reports);\n"
        "            rows = new RowFlow(settings, worker, mailbox, reports, output, getProcessingTimeService());\n"
        "            worker.greet(Hello.of(settings, getRuntimeContext(), false));\n"
        "        } catch (IOException | InterruptedException e) {\n"
        "            mailbox.lost(cause);\n        }\n",
        (f"{_JAVA_TESTS}/main/JobRunTest.java::aWorkerThatDiesIsRestoredFromTheLastCheckpoint",),
    ),
)


def main(names: Sequence[str]) -> int:
    chosen = [one for one in MUTANTS if not names or any(name in one.name for name in names)]
    with tempfile.TemporaryDirectory(prefix="dlonflink-mutants-") as folder:
        copy = Copy(Path(folder))
        print(f"without a bug: {len({test for one in chosen for test in one.tests})} tests", flush=True)
        failing = copy.failing({test for one in chosen for test in one.tests})
        if failing:
            print("they fail without a bug:", *sorted(failing), sep="\n  ")
            return 1
        caught = sum(try_out(one, copy) for one in chosen)
    print(f"{caught} of {len(chosen)}")
    return 0 if caught == len(chosen) else 1


def try_out(mutant: Mutant, copy: Copy) -> bool:
    """Whether every test that must fail does."""
    begun = time.monotonic()
    file = copy.root / mutant.file
    right = file.read_text()
    if right.count(mutant.text) != 1:
        print(f"missed  {mutant.name}: its text stands {right.count(mutant.text)} times in {mutant.file}", flush=True)
        return False
    file.write_text(right.replace(mutant.text, mutant.instead))
    try:
        missed = set(mutant.tests) - copy.failing(mutant.tests)
    finally:
        file.write_text(right)
    print(f"{'missed' if missed else 'caught'}  {mutant.name} ({time.monotonic() - begun:.0f} s)", flush=True)
    for test in sorted(missed):
        print(f"        passes: {test}\n{copy.last}", flush=True)
    return not missed


class Copy:
    """This checkout, its files as they are now, in another folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.last = ""
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        for name in (
            *filter(None, names),
            *(str(file.relative_to(ROOT)) for file in ROOT.glob("src/dlonflink/jars/*")),
        ):
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        (root / ".venv").symlink_to(ROOT / ".venv")

    def failing(self, tests: Iterable[str]) -> set[str]:
        """Those of them that fail. What does not even run is no failure."""
        java = sorted(test for test in tests if test.endswith(".java") or ".java::" in test)
        python = sorted(set(tests) - set(java))
        return (self._pytest(python) if python else set()) | (self._maven(java) if java else set())

    def _pytest(self, tests: Sequence[str]) -> set[str]:
        # The environment's own dlonflink is the checkout's; this one comes before. No compiled modules, for these are
        # told from their source by time and size, and a bug may change neither.
        environment = {"PYTHONPATH": str(self.root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        printed = self._run(
            [sys.executable, "-m", "pytest", "-q", "--tb=line", "-rfE", "-p", "no:cacheprovider", *tests], environment
        )
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+?)(?:\[.*?\])?(?: - .*)?$", printed, re.MULTILINE)
        return {test for test in tests if test in failed}

    def _maven(self, tests: Sequence[str]) -> set[str]:
        named = [(test, *Path(test).name.split(".java::")) for test in tests]
        methods = ",".join(f"{name}#{method}" for _, name, method in named)
        # With a bug a job may wait for ever.
        properties = [f"-Dtest={methods}", f"-Djunit.jupiter.execution.timeout.default={JAVA_SECONDS}s"]
        printed = self._run(["mvn", "-B", "-ntp", "-q", "-f", "java/pom.xml", *properties, "test"], {})
        return {
            test
            for test, name, method in named
            if re.search(rf"^\[ERROR\]\s+{name}\.{method}\b", printed, re.MULTILINE)
        }

    def _run(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.last = done.stdout[-2_000:]
        return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

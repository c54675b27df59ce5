"""Hostile bytes: a wrong frame, snapshot or version is refused with a reason, or read for what it says. It never
crashes, hangs, or takes memory that it does not send.

100,000 mutants here, FUZZ_MUTANTS says otherwise (`scripts/test --fuzz`: 1,000,000). Java's half is HostileBytesTest.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import clicks
from dlonflink.errors import CorruptionError, DLOnFlinkError, LearnerError, ProtocolError, ResumeError
from dlonflink.serving.model import load
from dlonflink.training import snapshot
from dlonflink.training.export import Exporter
from dlonflink.training.trainer import Trainer
from dlonflink.worker import texts
from hostile_targets import TARGETS
from mutants import MUTANTS as BUGS
from mutations import flipped

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "100000"))
SEED = int(os.environ.get("FUZZ_SEED", "20260101"))
FLIPS = 1_000

SHARES: Mapping[str, Mapping[str, float]] = {
    "wire": {"frames": 0.52, "batches": 0.25, "values": 0.12},
    "state": {"snapshots": 0.04, "versions": 0.04},
}
CONVERSATIONS = MUTANTS // 1_000
"""Of 41 frames each: the rest of the mutants."""


@pytest.mark.timeout(3_600 if MUTANTS > 100_000 else 300)
@pytest.mark.parametrize("side", SHARES)
def test_hostile_bytes_are_read_or_refused(side: str, tmp_path: Path) -> None:
    counts = {name: max(1, int(MUTANTS * share)) for name, share in SHARES[side].items()}
    progress = tmp_path / "progress"
    targets = [f"{name}={count}" for name, count in counts.items()]
    done = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "hostile.py", str(SEED), "0", progress, *targets],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    under_way = progress.read_bytes().rstrip(b"\0 ").decode() if progress.exists() else "none"
    assert done.returncode == 0, f"exit code {done.returncode}, seed {SEED}, mutant {under_way}\n{done.stderr[-8_000:]}"
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["target"]: one["mutants"] for one in told} == counts
    for one in told:
        assert one["outcomes"].keys() - {"accepted", "cut"}, one  # a fuzzer that nobody refuses has lost its aim


def test_frames_in_a_wrong_order() -> None:
    """Never a version of what is not durable, an ALIGNED without its copy, a copy dropped twice."""
    target, refused = TARGETS["order"](), 0
    for index in range(CONVERSATIONS):
        try:
            target.attack(random.Random(SEED << 40 | index))
        except ProtocolError:
            refused += 1
        except BaseException as error:
            error.add_note(f"seed {SEED}, conversation {index}")
            raise
    assert refused


@pytest.mark.parametrize("learner", [clicks.FM, clicks.PERCEPTRON], ids=["fm", "batched"])
def test_every_flipped_bit_of_a_snapshot_is_found(learner: dict[str, Any]) -> None:
    trainer = Trainer(clicks.plan(learner), clicks.SCHEMA, run="r", attempt=0)
    trainer.feed(clicks.rows(100), 0.0)
    data = b"".join(trainer.copy(3).chunks())
    digest = hashlib.sha256(data).digest()
    snapshot.verify(data, digest)
    for index in range(FLIPS):
        with pytest.raises(CorruptionError, match="not what was written"):
            snapshot.verify(flipped(data, random.Random(index)), digest)


def test_every_flipped_bit_of_a_version_is_found(tmp_path: Path) -> None:
    """In its arrays, its manifest, or its entry in the log, which says some things once more."""
    plan = clicks.plan(clicks.FM, export={"to": str(tmp_path)})
    trainer = Trainer(plan, clicks.SCHEMA, run="r", attempt=0)
    trainer.feed(clicks.rows(100), 0.0)
    Exporter(plan.export, run="r", attempt=0).commit(trainer.copy(1), 1, last=False, now=0.0)
    files = [*tmp_path.glob("versions/*/*"), tmp_path / "log" / f"{1:020}.json"]
    assert len(files) == 4
    same = load(tmp_path).manifest
    chance = random.Random(1)
    undetected: list[str] = []
    for index in range(FLIPS):
        file = files[index % len(files)]
        data = file.read_bytes()
        changed = flipped(data, chance)
        file.write_bytes(changed)
        try:
            # "1e-07" and "1E-07" are one number.
            if load(tmp_path).manifest != same or file.suffix != ".json":
                undetected.append(f"flip {index} of {file.name}")
        except DLOnFlinkError:
            pass
        file.write_bytes(data)
    assert not undetected


Arrays = dict[str, Any]


def cut(name: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: arrays[name][:-1]})


def twice(arrays: Arrays) -> None:
    """The first ID of the first key group that has two."""
    ids = next(array for name, array in sorted(arrays.items()) if name.endswith("/ids") and len(array) > 1)
    ids[1] = ids[0]


def wider(arrays: Arrays) -> None:
    name = next(name for name in sorted(arrays) if name.endswith("/ids"))
    arrays[name] = arrays[name].astype(np.float64)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda arrays: arrays.pop("trainer/judged"), CorruptionError, "lacks a part"),
        (cut("trainer/version"), CorruptionError, "lacks a part"),
        (cut("trainer/waiting"), CorruptionError, "waiting rows cannot be read"),
        (lambda arrays: arrays.pop("learner/weights/bias"), LearnerError, "KeyError in restore"),
        (twice, ResumeError, "an ID twice"),
        (wider, ResumeError, "another layout"),
        (cut("evaluation/seen"), ResumeError, "other figures"),
        (cut("evaluation/window/100/numbers"), ResumeError, "other figures"),
    ],
)
def test_a_snapshot_with_the_right_digest_and_the_wrong_content(
    change: Callable[[Arrays], None], error: type[DLOnFlinkError], match: str
) -> None:
    plan = clicks.plan(clicks.PERCEPTRON)
    trainer = Trainer(plan, clicks.SCHEMA, run="r", attempt=0)
    trainer.feed(clicks.rows(250), 0.0)
    arrays, metadata = snapshot.read(b"".join(trainer.copy(3).chunks()))
    change(arrays)
    data = b"".join(snapshot.chunks(arrays, metadata, size=1 << 20))
    with pytest.raises(error, match=match):
        Trainer(plan, clicks.SCHEMA, run="r", attempt=1).restore(data)


def test_a_version_whose_log_says_something_else(tmp_path: Path) -> None:
    plan = clicks.plan(clicks.FM, export={"to": str(tmp_path)})
    trainer = Trainer(plan, clicks.SCHEMA, run="r", attempt=0)
    trainer.feed(clicks.rows(100), 0.0)
    Exporter(plan.export, run="r", attempt=0).commit(trainer.copy(1), 1, last=False, now=0.0)
    entry = tmp_path / "log" / f"{1:020}.json"
    entry.write_text(entry.read_text().replace('"rows": 100', '"rows": 900'))
    with pytest.raises(CorruptionError, match="not of one version"):
        load(tmp_path)


def test_a_batch_cannot_say_more_than_it_sends() -> None:
    batch = clicks.rows(200)
    packed = batch.serialize()
    assert texts.decode(packed, batch.schema).batch.num_rows == 200
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    messages = pa.ipc.MessageReader.open_stream(sink.getvalue())
    messages.read_next_message()  # the schema
    packed = messages.read_next_message().serialize()
    with pytest.raises(ProtocolError, match="no record batch") as refused:
        texts.decode(packed, batch.schema)
    assert refused.value.got == "it is compressed"
    nothing = pa.record_batch([pa.nulls(1 << 25)], ["a"])
    with pytest.raises(ProtocolError) as refused:
        texts.decode(nothing.serialize(), nothing.schema)
    assert refused.value.got == "33,554,432 rows"


def test_every_bug_of_the_mutants_can_be_seeded() -> None:
    """That each is found takes minutes: scripts/test --mutants."""
    assert len(BUGS) >= 12
    root = Path(__file__).parents[1]
    for bug in BUGS:
        assert (root / bug.file).read_text().count(bug.text) == 1, bug.name
        for test in bug.tests:
            path, _, name = test.partition("::")
            assert name.removesuffix("::runTest") in (root / path).read_text(), test

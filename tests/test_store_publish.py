"""Publishing and reading versions: one owner, no half version, nothing twice, nothing changed in silence."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock
from uuid import uuid4

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.testing import assert_array_equal

from dlonflink import failpoints
from dlonflink.embedding.settings import Embedding
from dlonflink.errors import CorruptionError, FencedError, StoreError, VersionNotFound
from dlonflink.features.columns import Features
from dlonflink.features.spec import FeatureSpec
from dlonflink.learners.settings import FM
from dlonflink.store.files import LocalFiles, RemoteFiles
from dlonflink.store.full import digest_of
from dlonflink.store.manifest import ModelSpec, Origin, Output, Provenance
from dlonflink.store.provenance import code_digest, libraries
from dlonflink.store.publisher import Publisher
from dlonflink.store.store import Store
from dlonflink.store.version import Draft, Version

MODEL = ModelSpec(
    features=FeatureSpec(features=Features(hashed=("carrier",)), columns={"carrier": "STRING"}),
    golden={"ids": ["00ff"]},
    outputs=(Output(label="late"),),
    learner=FM(dim=8),
    embedding=Embedding(),
)
FILES = 3  # of a version; its log entry is the fourth write


def draft(run: str = "r1", attempt: int = 0, checkpoint: int = 1, value: float = 0.0) -> Draft:
    return Draft(
        weights={"bias": np.array([value])},
        table={"ids": np.array([1, 2**63], np.uint64), "values": np.full((2, 4), value, np.float32)},
        origin=Origin(
            name="flights",
            run=run,
            attempt=attempt,
            checkpoint=checkpoint,
            rows=1_000 * checkpoint,
            event_time=(0, 1_000),
            metrics={"auc": 0.7, "calibration": math.nan},
        ),
        model=MODEL,
        provenance=Provenance(pipeline_digest="0" * 64, code_digest=code_digest(), libraries=libraries()),
    )


@contextmanager
def before_write(number: int, event: BaseException | Callable[[], None]) -> Iterator[None]:
    """Before a file is written for the n-th time, from 0, `event` happens."""
    left = number

    def reach(point: str) -> None:
        nonlocal left
        if point != "store.write":
            return
        left -= 1
        if left == -1:
            if isinstance(event, BaseException):
                raise event
            event()

    with mock.patch.object(failpoints, "reach", reach):
        yield


@pytest.fixture(params=["local", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        yield str(tmp_path / "store")
        return
    root = f"memory://{uuid4().hex}"
    yield root
    fsspec.url_to_fs(root)[0].store.clear()


def test_an_empty_store_has_no_version(url: str) -> None:
    store = Store(url)
    assert store.current() is None
    assert store.versions() == []
    with pytest.raises(VersionNotFound, match="no version 1"):
        store.version(1)


def test_what_was_published_is_read_by_another(url: str) -> None:
    published = Store(url).open("r1", 0).publish(draft(value=0.5))
    assert published.number == 1
    reader = Store(url)
    assert reader.current() == published
    contents = reader.read(reader.version(1))
    assert_array_equal(contents.weights["bias"], [0.5])
    assert_array_equal(contents.table["ids"], np.array([1, 2**63], np.uint64))
    manifest = contents.manifest
    assert (manifest.version, manifest.kind, manifest.parent) == (1, "full", None)
    assert manifest.model == MODEL
    assert manifest.origin == draft().origin
    assert manifest.origin.metrics == {"auc": 0.7, "calibration": None}
    assert manifest.provenance.libraries["numpy"] == np.__version__
    assert manifest.files.keys() == {"weights.safetensors", "table.safetensors"}


def test_a_reader_sees_what_is_published_later(url: str) -> None:
    reader = Store(url)
    publisher = Store(url).open("r1", 0)
    for checkpoint in range(1, 4):
        publisher.publish(draft(checkpoint=checkpoint))
        assert [version.number for version in reader.versions()] == list(range(checkpoint, 0, -1))


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
KINDS = st.sampled_from([np.float32, np.float64, np.int64, np.uint64, np.uint32, np.uint8, np.bool_])


@settings(max_examples=40, deadline=None)
@given(
    weights=st.dictionaries(NAMES, KINDS.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0)))),
    table=st.dictionaries(NAMES, arrays.arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(0, 3)))),
    turned=st.booleans(),
)
def test_arrays_come_back_to_the_bit(weights: dict, table: dict, turned: bool) -> None:
    if turned:  # neither contiguous nor its own memory
        weights = {name: array.T for name, array in weights.items()}
        table = {name: array[::-1] for name, array in table.items()}
    one = draft()
    url = f"memory://{uuid4().hex}"
    version = Store(url).open("r1", 0).publish(Draft(weights, table, one.origin, one.model, one.provenance))
    contents = Store(url).read(version)
    for given_arrays, read in ((weights, contents.weights), (table, contents.table)):
        assert given_arrays.keys() == read.keys()
        for name, array in given_arrays.items():
            assert_array_equal(read[name], array, strict=True)
    fsspec.url_to_fs(url)[0].store.clear()


def test_equal_arrays_give_equal_files(tmp_path: Path) -> None:
    contents = [
        store.read(store.open("r1", 0).publish(draft(value=0.25)))
        for store in (Store(str(tmp_path / name)) for name in ("a", "b"))
    ]
    assert contents[0].manifest.files == contents[1].manifest.files


def test_publishing_twice_is_publishing_once(url: str) -> None:
    first = Store(url).open("r1", 0).publish(draft(value=1))
    again = Store(url).open("r1", 1).publish(draft(attempt=1, value=2))  # restored from checkpoint 1, its COMMIT lost
    assert again == first
    assert_array_equal(Store(url).read(again).weights["bias"], [1])
    other = Store(url).open("r2", 0).publish(draft("r2"))  # checkpoint 1 of another run is another version
    assert other.number == 2


def test_the_last_to_open_owns_the_store(url: str) -> None:
    zombie = Store(url).open("r1", 0)
    zombie.publish(draft())
    successor = Store(url).open("r1", 1)
    with pytest.raises(FencedError, match="another run has taken over") as caught:
        zombie.publish(draft(checkpoint=2))
    assert caught.value.expected == "run r1, attempt 0"
    assert (caught.value.got or "").startswith("run r1, attempt 1, opened at 2")
    assert successor.publish(draft(attempt=1, checkpoint=2)).number == 2


def test_a_run_that_was_fenced_off_stays_out(url: str) -> None:
    Store(url).open("r1", 0)
    later = Store(url).open("r2", 0)
    with pytest.raises(FencedError, match="another run has taken over"):
        Store(url).open("r1", 1)
    assert later.publish(draft("r2")).number == 1


def test_a_draft_of_another_run_is_a_mistake_of_the_caller(url: str) -> None:
    with pytest.raises(ValueError, match="not this publisher's"):
        Store(url).open("r1", 0).publish(draft("r2"))


def test_only_the_newest_versions_files_are_kept(url: str) -> None:
    store = Store(url)
    publisher = store.open("r1", 0, keep=2)
    for checkpoint in range(1, 6):
        publisher.publish(draft(checkpoint=checkpoint))
    assert [(version.number, version.kept) for version in store.versions()] == [
        (5, True),
        (4, True),
        (3, False),
        (2, False),
        (1, False),
    ]
    with pytest.raises(VersionNotFound, match="files of version 3 are gone"):
        store.read(store.version(3))
    with pytest.raises(VersionNotFound) as caught:
        store.version(9)
    assert caught.value.expected == "one of 5, 4"
    with pytest.raises(ValueError, match="always kept"):
        store.open("r1", 1, keep=0)


def test_a_late_cleanup_leaves_the_files_of_a_successor_alone(tmp_path: Path) -> None:
    """The first has committed, but not yet cleaned up, when a second opens the store and writes its files."""
    store, names = Store(str(tmp_path)), LocalFiles.names
    first = store.open("r1", 0)
    committed, written = threading.Event(), threading.Event()
    thread = threading.Thread(target=first.publish, args=(draft(),))

    def names_later(files: LocalFiles, folder: str) -> list[str]:
        if folder == "versions" and threading.current_thread() is thread:
            committed.set()
            written.wait(60)
        return names(files, folder)

    def let_the_first_go_on() -> None:
        written.set()
        thread.join(60)

    with mock.patch.object(LocalFiles, "names", names_later):
        thread.start()
        assert committed.wait(60)
        second = Store(str(tmp_path)).open("r1", 1)
        with before_write(FILES, let_the_first_go_on):
            version = second.publish(draft(attempt=1, checkpoint=2, value=2))
    assert not thread.is_alive()
    assert_array_equal(store.read(version).weights["bias"], [2])


def test_a_full_disk_leaves_no_half_version(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(url)
    publisher = store.open("r1", 0)
    monkeypatch.setenv("DLONFLINK_FAILPOINTS", "store.write=ENOSPC")
    with pytest.raises(StoreError, match="the disk is full"):
        publisher.publish(draft())
    monkeypatch.delenv("DLONFLINK_FAILPOINTS")
    assert store.versions() == []
    assert publisher.publish(draft()).number == 1


@pytest.mark.parametrize("name", ["weights.safetensors", "table.safetensors", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "lose"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, damage: str) -> None:
    store = Store(str(tmp_path))
    version = store.open("r1", 0).publish(draft())
    file = tmp_path / version.folder / name
    data = file.read_bytes()
    if damage == "lose":
        file.unlink()
        with pytest.raises(VersionNotFound) as caught:
            store.read(version)
    else:
        file.write_bytes(data[:-1] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(CorruptionError, match="version 1 is damaged") as caught:
            store.read(version)
    assert caught.value.where == str(file)
    assert caught.value.fix


def test_a_manifest_of_another_release_is_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    version = store.open("r1", 0).publish(draft())
    file = tmp_path / version.folder / "manifest.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    later = replace(version, entry=version.entry.model_copy(update={"manifest": digest_of(file.read_bytes())}))
    with pytest.raises(CorruptionError, match="the manifest of version 1 cannot be understood") as caught:
        store.read(later)
    assert caught.value.where == str(file)
    assert "format" in (caught.value.got or "")


def test_a_lost_log_entry_is_corruption(tmp_path: Path) -> None:
    publisher = Store(str(tmp_path)).open("r1", 0)
    publisher.publish(draft())
    publisher.publish(draft(checkpoint=2))
    (tmp_path / "log" / f"{1:020d}.json").unlink()
    with pytest.raises(CorruptionError, match="log entry 1 is missing"):
        Store(str(tmp_path)).versions()


@pytest.mark.parametrize("text", ["", "{", '{"type": "hold", "reason": "calibration"}', '{"type": "opened"}'])
def test_an_entry_that_cannot_be_understood_is_named(tmp_path: Path, text: str) -> None:
    Store(str(tmp_path)).open("r1", 0)
    (tmp_path / "log" / f"{1:020d}.json").write_text(text)
    (tmp_path / "log" / "README").write_text("not an entry")
    with pytest.raises(CorruptionError, match="log entry 1 cannot be understood") as caught:
        Store(str(tmp_path)).versions()
    assert (caught.value.where or "").endswith("log/00000000000000000001.json")


def test_entries_that_0_1_wrote_are_read(tmp_path: Path) -> None:
    """Entries are never changed, so every later release must read these."""
    (tmp_path / "log").mkdir()
    opened = '{"type": "opened", "run": "r1", "attempt": 0, "at": "2026-01-01T00:00:00.000Z"}'
    version = """{
      "type": "version", "number": 1, "folder": "0-7", "created": "2026-01-01T00:00:10.000Z",
      "manifest": {"sha256": "%s", "bytes": 12},
      "origin": {"name": "flights", "run": "r1", "attempt": 0, "checkpoint": 7, "rows": 1000,
                 "event_time": [0, 1000], "metrics": {"auc": 0.7, "calibration": null}}
    }""" % ("0" * 64)
    for position, text in enumerate([opened, version]):
        (tmp_path / "log" / f"{position:020d}.json").write_text(text)
    (found,) = Store(str(tmp_path)).versions()
    assert (found.number, found.origin.checkpoint, found.origin.metrics["auc"], found.kept) == (1, 7, 0.7, False)


def test_provenance_names_sources_and_libraries() -> None:
    assert re.fullmatch("[0-9a-f]{64}", code_digest())
    assert {"python", "numpy", "numba"} <= libraries().keys()


# --- any interleaving of publishers, crashes and failures, against a model of three lines -----------------------------


class KilledError(BaseException):
    """A process that ends here: nothing catches it."""


@dataclass
class Life:
    """One publisher, as long as its process lives."""

    publisher: Publisher
    run: str
    attempt: int


@dataclass
class Model:
    versions: list[tuple[str, int, float]] = field(default_factory=list)  # run, checkpoint, value
    owner: Life | None = None
    opened: set[str] = field(default_factory=set)

    def may_open(self, run: str) -> bool:
        """A run that another has fenced off stays out, whatever attempt it starts."""
        return self.owner is None or self.owner.run == run or run not in self.opened


RUNS = st.sampled_from(["r1", "r2", "r3", "r4"])
CHECKPOINTS = st.integers(1, 4)
KEEP = 2


class Publishers(RuleBasedStateMachine):
    """Runs and attempts that overlap as they like: zombies, crashes at every write, full disks, lost answers."""

    @initialize()
    def start(self) -> None:
        self.url = f"memory://{uuid4().hex}"
        self.model = Model()
        self.lives: list[Life] = []
        self.attempts = 0
        self.value = 0.0
        self.watching = Store(self.url)

    @rule(run=RUNS)
    def open(self, run: str) -> None:
        self.attempts += 1
        if not self.model.may_open(run):
            with pytest.raises(FencedError):
                Store(self.url).open(run, self.attempts, keep=KEEP)
            return
        self.model.opened.add(run)
        life = Life(Store(self.url).open(run, self.attempts, keep=KEEP), run, self.attempts)
        self.lives.append(life)
        self.model.owner = life

    @rule(who=st.integers(0, 9), checkpoint=CHECKPOINTS)
    def publish(self, who: int, checkpoint: int) -> None:
        if life := self._pick(who):
            self._publish(life, checkpoint)

    @rule(who=st.integers(0, 9), checkpoint=CHECKPOINTS, write=st.integers(0, FILES), killed=st.booleans())
    def publish_failing(self, who: int, checkpoint: int, write: int, killed: bool) -> None:
        """Before its n-th write the process dies, or the disk is full; then nothing was published."""
        if life := self._pick(who):
            error = KilledError() if killed else OSError(28, "No space left on device")
            with before_write(write, error):
                self._publish(life, checkpoint, fails=KilledError if killed else StoreError)
            if killed:
                self.lives.remove(life)

    @rule(who=st.integers(0, 9), checkpoint=CHECKPOINTS, killed=st.booleans())
    def publish_unanswered(self, who: int, checkpoint: int, killed: bool) -> None:
        """The entry is written, but the publisher dies, or learns of an error: then it was published all the same."""
        if life := self._pick(who):
            create = RemoteFiles.create

            def unanswered(files: RemoteFiles, name: str, data: bytes) -> bool:
                create(files, name, data)
                raise KilledError if killed else StoreError("the connection was lost")

            news = self._news(life, checkpoint)
            with mock.patch.object(RemoteFiles, "create", unanswered):
                self._publish(life, checkpoint, fails=KilledError if killed else StoreError)
            if news:
                self.model.versions.append((life.run, checkpoint, self.value))
            if killed:
                self.lives.remove(life)

    @rule(who=st.integers(0, 9), checkpoint=CHECKPOINTS, write=st.integers(0, FILES), run=RUNS)
    def publish_overtaken(self, who: int, checkpoint: int, write: int, run: str) -> None:
        """Before its n-th write another opens the store: then the first is fenced off, whatever it has written."""
        if (life := self._pick(who)) and self._news(life, checkpoint) and self.model.may_open(run):
            with before_write(write, lambda: self.open(run)), pytest.raises(FencedError):
                life.publisher.publish(self._draft(life, checkpoint))

    @invariant()
    def readers_see_what_was_published_and_no_half_of_it(self) -> None:
        if not hasattr(self, "model"):
            return
        for reader in (self.watching, Store(self.url)):
            versions = reader.versions()
            assert [(version.origin.run, version.origin.checkpoint) for version in reversed(versions)] == [
                (run, checkpoint) for run, checkpoint, _ in self.model.versions
            ]
            assert [version.number for version in versions] == list(range(len(versions), 0, -1))
        for version in versions[:KEEP]:
            assert version.kept
            contents = self.watching.read(version)
            value = self.model.versions[version.number - 1][2]
            assert_array_equal(contents.weights["bias"], [value])
            assert_array_equal(contents.table["values"], np.full((2, 4), value, np.float32))

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        self.open("last")  # cleans up after all who crashed
        kept = [version.kept for version in self.watching.versions()]
        assert kept == [index < KEEP for index in range(len(kept))]
        folders = RemoteFiles(self.url).names("versions")
        assert len(folders) == sum(kept)
        fsspec.url_to_fs(self.url)[0].store.clear()

    def _pick(self, who: int) -> Life | None:
        return self.lives[who % len(self.lives)] if self.lives else None

    def _news(self, life: Life, checkpoint: int) -> bool:
        known = {(run, number) for run, number, _ in self.model.versions}
        return life is self.model.owner and (life.run, checkpoint) not in known

    def _draft(self, life: Life, checkpoint: int) -> Draft:
        self.value += 1
        return draft(life.run, life.attempt, checkpoint, self.value)

    def _publish(self, life: Life, checkpoint: int, fails: type[BaseException] | None = None) -> None:
        one = self._draft(life, checkpoint)
        if life is not self.model.owner:
            with pytest.raises(FencedError):
                life.publisher.publish(one)
            return
        if not self._news(life, checkpoint):
            version = life.publisher.publish(one)
            assert (version.origin.run, version.origin.checkpoint) == (life.run, checkpoint)
            return
        if fails:
            with pytest.raises(fails):
                life.publisher.publish(one)
            return
        version: Version = life.publisher.publish(one)
        self.model.versions.append((life.run, checkpoint, self.value))
        assert version.number == len(self.model.versions)


TestPublishers = Publishers.TestCase
TestPublishers.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

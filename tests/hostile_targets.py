"""Python's readers under attack: frames, batches, values, the order of frames, snapshots, versions."""

from __future__ import annotations

import base64
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import fsspec
import pyarrow as pa

import clicks
from dlonflink.connectors.foreign import Streams
from dlonflink.connectors.values import Input
from dlonflink.errors import DLOnFlinkError, ProtocolError
from dlonflink.serving.model import load
from dlonflink.store.full import MANIFEST, TABLE, WEIGHTS, digest_of
from dlonflink.training import snapshot
from dlonflink.training.export import Exporter
from dlonflink.training.trainer import Trainer
from dlonflink.worker import batches, messages, protocol, texts, wire
from golden_values import GOLDEN
from mutations import mutated

LEARNERS: tuple[dict[str, Any], ...] = (clicks.LOGISTIC, clicks.FM, {**clicks.PERCEPTRON, "batch": 4})
ROWS = 6
"""Learned by each, but for 2 that wait for the last one's batch: small, for thousands are restored."""
REJECTS = {"to": "nowhere", "max_share": 1.0, "over": 0}


class CutError(Exception):
    """The bytes end within a frame: for the worker the end of its socket, which ends it."""


class Target(ABC):
    @abstractmethod
    def calm(self) -> None:
        """The seeds as they are: then everything is loaded and compiled."""

    @abstractmethod
    def attack(self, chance: random.Random) -> None:
        """One mutant. DLOnFlinkError or CutError: it is refused. Whatever else is raised is a finding."""


def framed(message: messages.Message) -> bytes:
    return b"".join(wire.encode(message))


def written(batch: pa.RecordBatch) -> bytes:
    return batch.serialize().to_pybytes()


def golden_batches() -> tuple[pa.Schema, list[bytes]]:
    """Every type of Flink's."""
    with pa.ipc.open_stream(str(GOLDEN / "batch.arrow")) as stream:
        return stream.schema, [written(batch) for batch in stream]


def hello(schema: bytes) -> messages.Hello:
    members = {
        "protocol": messages.PROTOCOL,
        "job": "clicks",
        "run": "r",
        "role": "train",
        "index": 0,
        "parallelism": 1,
        "attempt": 0,
        "schema": base64.b64encode(schema).decode(),
        "restore": False,
        "limits": {},
        "worker": [clicks.plan(clicks.FM).model_dump(mode="json")],
    }
    return messages.Hello.model_validate_json(json.dumps(members))


@final
class Frames(Target):
    """Headers and payloads of every kind, from both sides."""

    def __init__(self) -> None:
        golden = json.loads((GOLDEN / "frames.json").read_text())
        schema, rows = golden_batches()
        self._seeds = [bytes.fromhex(one["frame"]) for one in golden]
        self._seeds += [framed(messages.Batch(one)) for one in rows]
        self._seeds.append(framed(hello(schema.serialize().to_pybytes())))

    def calm(self) -> None:
        for seed in self._seeds:
            self._read(seed)

    def attack(self, chance: random.Random) -> None:
        message = self._read(mutated(chance.choice(self._seeds), chance, self._seeds))
        if isinstance(message, messages.Hello):
            batches.of(Input(), message)

    def _read(self, data: bytes) -> messages.Message:
        if len(data) < wire.HEADER_BYTES:
            raise CutError
        header = wire.decode_header(data[: wire.HEADER_BYTES], cap=messages.FRAME_BYTES)
        assert header.length <= messages.FRAME_BYTES
        payload = data[wire.HEADER_BYTES :][: header.length]
        if len(payload) < header.length:
            raise CutError
        message = wire.decode(header, payload)
        again = framed(message)
        header = wire.decode_header(again[: wire.HEADER_BYTES], cap=len(again))
        assert framed(wire.decode(header, again[wire.HEADER_BYTES :])) == again
        return message


@final
class Batches(Target):
    """What BATCH frames hold, of a schema that may be hostile too; what passes is learned."""

    def __init__(self) -> None:
        schema, rows = golden_batches()
        self._seeds = [(schema, one) for one in rows]
        self._seeds += [(clicks.SCHEMA, written(clicks.rows(count))) for count in (1, 12, 40, 40, 40)]
        self._parts = [one for _, one in self._seeds]
        self._taken = 0
        self._renew()

    def calm(self) -> None:
        for schema, data in self._seeds:
            self._read(data, schema)

    def attack(self, chance: random.Random) -> None:
        schema, data = chance.choice(self._seeds)
        if chance.random() < 0.1:
            told = mutated(schema.serialize().to_pybytes(), chance, self._parts)
            schema = batches.of(Input(), hello(told)).schema
        else:
            data = mutated(data, chance, self._parts)
        self._read(data, schema)

    def _read(self, data: bytes, schema: pa.Schema) -> None:
        received = texts.decode(data, schema)
        again = written(received.batch)
        assert written(texts.decode(again, schema).batch) == again
        assert received.batch.schema.equals(schema)
        if schema.equals(clicks.SCHEMA):
            self._learn(received)

    def _learn(self, received: texts.Received) -> None:
        self._taken += 1
        if self._taken % 2_000 == 0:
            self._renew()
        try:
            self._trainer.feed(received.batch, 0.0, received.unreadable)
            self._trainer.rejects()
        except DLOnFlinkError:
            self._renew()
            raise

    def _renew(self) -> None:
        self._trainer = Trainer(clicks.plan(clicks.FM, rejects=REJECTS), clicks.SCHEMA, run="r", attempt=0)


@final
class Values(Target):
    """Arrow streams of others, compressed or not, with dictionaries."""

    def __init__(self) -> None:
        batch = clicks.rows(40)
        site = batch.column("site").dictionary_encode()
        coded = batch.set_column(2, "site", site)
        self._wanted = clicks.SCHEMA
        self._seeds = [
            self._stream(one, kind) for one in (batch, coded) for kind in (None, "lz4", "zstd") for _ in range(2)
        ]
        self._seeds.append((GOLDEN / "values.arrow").read_bytes())

    def calm(self) -> None:
        for seed in self._seeds[:-1]:
            assert sum(piece.num_rows for piece in Streams(self._wanted).read(seed)) == 40

    def attack(self, chance: random.Random) -> None:
        value = mutated(chance.choice(self._seeds), chance, self._seeds)
        for piece in Streams(self._wanted).read(value):
            assert written(texts.decode(written(piece), self._wanted).batch) == written(piece)

    @staticmethod
    def _stream(batch: pa.RecordBatch, compression: str | None) -> bytes:
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
            writer.write_batch(batch)
        return sink.getvalue().to_pybytes() + b"file:/somewhere, byte 12"


@final
class Order(Target):
    """Right frames in a wrong order, with the loop's books beside: what it could not do is a finding."""

    _NUMBERS = (*range(6), -1, -(2**63), 2**63 - 1, 7, 7)

    def calm(self) -> None:
        pass

    def attack(self, chance: random.Random) -> None:
        talk = _Talk(chance)
        schema = clicks.SCHEMA.serialize().to_pybytes()
        talk.hear(hello(schema).model_copy(update={"restore": chance.random() < 0.3}))
        refusal: ProtocolError | None = None
        for _ in range(40):
            try:
                talk.hear(self._frame(chance))
            except ProtocolError as error:
                refusal = error  # the worker would have ended; nothing of the frame was believed, so the attack goes on
            while chance.random() < 0.5 and talk.work:
                talk.finish_one()
        if refusal:
            raise refusal

    def _frame(self, chance: random.Random) -> messages.ToWorker:
        number = chance.choice(self._NUMBERS)
        made: tuple[Callable[[], messages.ToWorker], ...] = (
            *(lambda: messages.Barrier(number), lambda: messages.Barrier(number), lambda: messages.Commit(number)),
            *(lambda: messages.Abort(number), lambda: messages.Batch(b""), lambda: messages.Batch(b"")),
            *(
                lambda: messages.Watermark(number),
                lambda: messages.Restore(b"chunk"),
                lambda: messages.Restore(bytes(32), last=True),
            ),
            *(lambda: messages.Commit(number), lambda: messages.Commit(number)),
            *((messages.End, messages.Stop) if chance.random() < 0.2 else ()),
        )
        return chance.choice(made)()


class _Talk:
    """Does what the protocol says, as the loop does."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._protocol = protocol.Protocol()
        self._rows = self._scored = 0
        self._copies: set[int] = set()
        self._durable: set[int] = set()
        self._published: set[int] = set()
        self.work: list[protocol.Uploaded | protocol.Published] = []

    def hear(self, frame: messages.ToWorker) -> None:
        if isinstance(frame, messages.Batch):
            self._rows += 3
        self._do(frame)

    def finish_one(self) -> None:
        self._do(self.work.pop(self._chance.randrange(len(self.work))))

    def _do(self, event: protocol.Event) -> None:
        said: list[int] = []
        for step in self._protocol.handle(event):
            match step:
                case protocol.Copy(checkpoint=n):
                    assert n not in self._copies
                    self._copies.add(n)
                case protocol.Upload(checkpoint=n):
                    assert n in self._copies
                    self.work.append(protocol.Uploaded(n, 1, bytes(32)))
                case protocol.Drop(checkpoint=n):
                    self._copies.remove(n)
                case protocol.Publish(checkpoint=n, copy=copied):
                    assert copied in self._copies
                    assert copied in self._durable
                    assert n not in self._published
                    self._published.add(n)
                    self._copies -= {copied} - {messages.FINAL}
                    self.work.append(protocol.Published(messages.Version(checkpoint=n, outcome="published")))
                case protocol.MakeGood():
                    self.work.append(protocol.Published(None))
                case protocol.Learn() | protocol.Finish():
                    self._scored = self._rows if isinstance(step, protocol.Finish) else self._rows - self._rows % 4
                    self._do(protocol.Learned(self._rows, self._scored))
                case protocol.Send(message=messages.Aligned(checkpoint=n)):
                    assert n in self._copies
                    said.append(n)
                case protocol.Send(message=messages.Durable(checkpoint=n)):
                    assert n in self._copies
                    self._durable.add(n)
                case _:
                    pass
        assert len(said) <= 1


@final
class Snapshots(Target):
    """What a learner is restored from, its digest being right; what passes is learned on with."""

    def __init__(self) -> None:
        self._plans = [clicks.plan(one, rejects=REJECTS) for one in LEARNERS]
        self._seeds = [self._taken(index) for index in range(len(self._plans))]

    def calm(self) -> None:
        for index, seed in enumerate(self._seeds):
            self._restore(index, seed)

    def attack(self, chance: random.Random) -> None:
        index = chance.randrange(len(self._seeds))
        data = mutated(self._seeds[index], chance, self._seeds)
        if chance.random() < 0.3:
            data = self._shaped(self._seeds[index], chance)
        snapshot.read(data)  # most are refused here; a trainer is dear
        self._restore(index, data)

    def _restore(self, index: int, data: bytes) -> None:
        trainer = self._trainer(index)
        trainer.restore(data)
        trainer.feed(clicks.rows(2 * ROWS).slice(ROWS), 0.0)
        trainer.finish()
        b"".join(trainer.copy(4).chunks())
        json.dumps(trainer.report())

    def _taken(self, index: int) -> bytes:
        trainer = self._trainer(index)
        trainer.feed(clicks.rows(ROWS), 0.0)
        return b"".join(trainer.copy(3).chunks())

    def _trainer(self, index: int) -> Trainer:
        return Trainer(self._plans[index], clicks.SCHEMA, run="r", attempt=0)

    @staticmethod
    def _shaped(data: bytes, chance: random.Random) -> bytes:
        """A good container whose arrays, or what it says of itself, are others."""
        arrays, metadata = snapshot.read(data)
        name = chance.choice(sorted(arrays))
        array = arrays[name]
        match chance.randrange(8):
            case 0:
                del arrays[name]
            case 1:
                arrays[name] = array[: len(array) // 2]
            case 2:
                arrays[name] = array.reshape(-1, 1)
            case 3:
                arrays[name] = array.astype(chance.choice(["<f8", "<f4", "<i8", "<u8", "<i2", "|u1", "|b1"]))
            case 4:
                arrays[name] = arrays[chance.choice(sorted(arrays))]
            case 5:
                arrays[name + chance.choice(["x", "/ids", ""])] = array.reshape(-1)[:0]
            case 6:
                metadata[chance.choice(sorted(metadata))] = chance.choice(["", "x", "-1", "[]", "9" * 5_000])
            case _:
                del metadata[chance.choice(sorted(metadata))]
        return b"".join(snapshot.chunks(arrays, metadata, size=1 << 20))


@final
class Versions(Target):
    """A store: its log, a manifest, arrays. Digests are made right again, or all would end there."""

    _ROWS = ({"site": "site1", "ad": 3, "price": 1.0}, {"site": None, "ad": 4, "price": None})

    def __init__(self) -> None:
        self._system = fsspec.filesystem("memory")
        self._stores = [self._published(index) for index in range(len(LEARNERS))]
        self._parts = [data for _, files in self._stores for data in files.values()]

    def calm(self) -> None:
        for place, files in self._stores:
            self._load(place, files)

    def attack(self, chance: random.Random) -> None:
        place, files = chance.choice(self._stores)
        name = chance.choice(sorted(files))
        self._load(place, self._sealed({**files, name: mutated(files[name], chance, self._parts)}, name, chance))

    def _load(self, place: str, files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            self._system.pipe_file(f"{place}/{name}", data)
        model = load(place)
        model.predict(self._ROWS)
        repr(model)

    @staticmethod
    def _sealed(files: Mapping[str, bytes], changed: str, chance: random.Random) -> Mapping[str, bytes]:
        log = next(name for name in files if name.endswith("1.json"))
        manifest = next(name for name in files if name.endswith(MANIFEST))
        if changed.startswith("log") or chance.random() < 0.1:
            return files
        data = files[manifest]
        if changed != manifest:
            whole = json.loads(data)
            whole["files"][Path(changed).name] = digest_of(files[changed]).model_dump()
            data = json.dumps(whole).encode()
        entry = json.loads(files[log])
        entry["manifest"] = digest_of(data).model_dump()
        return {**files, manifest: data, log: json.dumps(entry).encode()}

    def _published(self, index: int) -> tuple[str, dict[str, bytes]]:
        place = f"memory://hostile/{index}"
        plan = clicks.plan(LEARNERS[index], export={"to": place})
        trainer = Trainer(plan, clicks.SCHEMA, run="r", attempt=0)
        trainer.feed(clicks.rows(ROWS), 0.0)
        exporter = Exporter(plan.export, run="r", attempt=0)
        assert exporter.commit(trainer.copy(1), 1, last=False, now=0.0).outcome == "published"
        paths = self._system.find(place)
        files = {path.partition(f"hostile/{index}/")[2]: self._system.cat_file(path) for path in paths}
        assert {Path(name).name for name in files} >= {MANIFEST, WEIGHTS, TABLE}
        return place, files


TARGETS: Mapping[str, type[Target]] = {
    "frames": Frames,
    "batches": Batches,
    "values": Values,
    "order": Order,
    "snapshots": Snapshots,
    "versions": Versions,
}

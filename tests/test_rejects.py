"""Bad rows: the same ones of one golden file on both runtimes, each exactly once, and not too many."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import dlonflink as dlf
from dlonflink.connectors.files import FileSource
from dlonflink.connectors.local import read
from dlonflink.connectors.rejects import Reject
from golden_values import GOLDEN

WANTED = json.loads((GOLDEN / "rejects.json").read_text())
FORMATS = ("csv", "jsonl")


class Kept:
    def __init__(self) -> None:
        self.rows = 0
        self.rejects: list[Reject] = []

    def add(self, rows: int, rejects: Sequence[tuple[int, Reject]]) -> None:
        self.rows += rows
        self.rejects += [reject for _, reject in rejects]


def golden_source(kind: str, **more: Any) -> FileSource:
    return FileSource(
        paths=(str(GOLDEN / f"rejects.{kind}"),),
        format=kind,  # pyright: ignore[reportArgumentType]
        columns=WANTED["columns"],
        event_time=WANTED["event_time"],
        **more,
    )


@pytest.mark.parametrize("batch_rows", [1, 4, 1_000])
@pytest.mark.parametrize("kind", FORMATS)
def test_text_that_cannot_be_read(kind: str, batch_rows: int) -> None:
    kept = Kept()
    batches = list(read(golden_source(kind), list(WANTED["columns"]), batch_rows=batch_rows, rejects=kept))
    path = GOLDEN / f"rejects.{kind}"
    found = [(one.reason, one.place, one.data.hex()) for one in kept.rejects]
    assert found == [(one["reason"], f"{path}:{one['offset']}", one["bytes"]) for one in WANTED[kind]["text"]]
    good = sum(batch.num_rows for batch in batches)
    assert good == len(WANTED[kind]["good"]) + len(WANTED[kind]["rows"])
    assert kept.rows == good + len(found)
    assert all(one.message for one in kept.rejects)


def pipeline(source: Any, **changes: Any) -> dlf.Pipeline:
    sections: dict[str, Any] = {
        "name": "clicks",
        "source": source,
        "features": dlf.Features(hashed=("name",), dense=("price",)),
        "label": "click",
        "learner": dlf.Logistic(),
        "checkpoint": dlf.Checkpoint(every="200 ms"),
        "runtime": dlf.Runtime(deterministic=True),
    }
    return dlf.Pipeline(**(sections | changes))


def written(place: Path) -> list[dict[str, Any]]:
    """Rejects in JSON lines, in no order."""
    rows = [json.loads(line) for file in sorted(place.rglob("part-*")) for line in file.read_text().splitlines()]
    for row in rows:
        row["bytes"] = base64.b64decode(row["bytes"])
    return rows


@pytest.mark.timeout(400)  # two runs, one of them on Flink
@pytest.mark.parametrize("kind", FORMATS)
def test_both_runtimes_reject_the_same_rows(kind: str, tmp_path: Path) -> None:
    found: dict[str, list[Any]] = {}
    digests: set[str | None] = set()
    wanted = WANTED[kind]
    bad = len(wanted["text"]) + len(wanted["rows"])
    for on in ("local", "flink"):
        rejects = dlf.Rejects(to=str(tmp_path / on))
        one = pipeline(golden_source(kind, key=("id",), rejects=rejects))
        summary = dlf.run(one, on=on)  # pyright: ignore[reportArgumentType]
        assert (summary.rows, summary.rejected) == (len(wanted["good"]), bad)
        digests.add(summary.state_digest)
        rows = written(tmp_path / on)
        found[on] = sorted((row["place"], row["reason"], row["bytes"]) for row in rows)
        assert all(row["run"] and row["message"] for row in rows)
    assert found["flink"] == found["local"]
    path = GOLDEN / f"rejects.{kind}"
    text = [(f"{path}:{one['offset']}", one["reason"], bytes.fromhex(one["bytes"])) for one in wanted["text"]]
    rows = [(one["place"], one["reason"]) for one in wanted["rows"]]
    assert [one for one in found["local"] if one[0].startswith("/")] == sorted(text)
    assert [one[:2] for one in found["local"] if one[0].startswith("row")] == sorted(rows)
    assert json.loads(next(one[2] for one in found["local"] if one[1] == "label"))["id"] == 13
    assert len(digests) == 1


@pytest.mark.parametrize("on", ["local", "flink"])
def test_too_many(on: Any, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("name,price,click\n" + "a,1,1\nb,much,0\n" * 50)
    source = FileSource(
        paths=(str(file),),
        format="csv",
        columns={"name": "STRING", "price": "DOUBLE", "click": "INT"},
        rejects=dlf.Rejects(over=20, max_share=0.25),
    )
    with pytest.raises(dlf.TooManyRejects) as caught:
        dlf.run(pipeline(source, runtime=dlf.Runtime()), on=on)
    error = caught.value
    assert error.what == "10 of 20 rows are bad, 50.00%"
    assert str(error.where).startswith(f"{file}:")
    assert "parse: column 'price'" in str(error.got)
    assert str(tmp_path / "home" / "clicks" / "rejects") in str(error.fix)


@pytest.mark.parametrize("on", ["local", "flink"])
def test_typed_rows_are_judged_too(on: Any, tmp_path: Path) -> None:
    rows = tuple({"name": f"n{i}", "price": 1.0, "click": 5 if i == 7 else i % 2} for i in range(30))
    columns = {"name": "STRING", "price": "DOUBLE", "click": "INT"}
    source = dlf.MemorySource(columns=columns, rows=rows, rejects=dlf.Rejects(to=str(tmp_path / "bad")))
    summary = dlf.run(pipeline(source), on=on)
    assert (summary.rows, summary.rejected) == (29, 1)
    (row,) = written(tmp_path / "bad")
    assert (row["reason"], row["place"]) == ("label", "row 8")
    assert json.loads(row["bytes"]) == {"name": "n7", "price": 1.0, "click": 5}
    with pytest.raises(dlf.DataError, match="label column 'click' holds 5"):
        dlf.run(pipeline(source.model_copy(update={"rejects": None})), on=on)


@pytest.mark.timeout(400)
def test_sql_goes_on_from_the_good_rows(tmp_path: Path) -> None:
    """ORDER BY the event time and deterministic mode, as without rejects; and any table of Flink's takes these."""
    columns = {"id": "BIGINT", "ts": "TIMESTAMP(3)", "name": "STRING", "click": "INT"}
    rows = [f"{i},2013-01-01 00:{i // 60:02}:{i % 60:02},n{i % 7},{i % 2}" for i in range(300)]
    head, sorted_file, file = ",".join(columns), tmp_path / "sorted.csv", tmp_path / "rows.csv"
    sorted_file.write_text("\n".join([head, *rows]) + "\n")
    swapped = [row for i in range(0, 300, 3) for row in reversed(rows[i : i + 3])]
    bad = {10: "x,y", 20: "7,,n,1", 30: "8,2013-01-01 00:00:00,n,many"}
    mixed = [line for i, row in enumerate(swapped) for line in ([bad[i], row] if i in bad else [row])]
    file.write_text("\n".join([head, *mixed]) + "\n")
    features, time = dlf.Features(hashed=("name",)), dlf.EventTime(column="ts", delay="10 s")
    clean = FileSource(paths=(str(sorted_file),), format="csv", columns=columns, event_time=time, key=("id",))
    ddl = (
        "CREATE TABLE bad (why STRING, message STRING, place STRING, `bytes` BYTES, run STRING, attempt INT) WITH ("
        f"'connector' = 'filesystem', 'path' = '{(tmp_path / 'bad').as_uri()}', 'format' = 'json')"
    )
    source = FileSource(
        paths=(str(file),),
        format="csv",
        columns=columns,
        event_time=time,
        key=("id",),
        query="SELECT * FROM source ORDER BY ts",
        rejects=dlf.Rejects(to=dlf.SqlSink(ddl=ddl, table="bad")),
    )
    flink = dlf.run(pipeline(source, features=features), on="flink")
    local = dlf.run(pipeline(clean, features=features), on="local")
    assert (flink.rows, flink.rejected) == (300, 3)
    assert (flink.state_digest, flink.metrics) == (local.state_digest, local.metrics)
    assert sorted(row["why"] for row in written(tmp_path / "bad")) == ["event-time", "parse", "parse"]


FAILING = """\
from pathlib import Path

from perceptron import Perceptron


class FailsOnce(Perceptron):
    \"\"\"As soon as a version is out: so after a checkpoint, and before the next.\"\"\"

    def __init__(self, inputs, versions: str, marker: str) -> None:
        super().__init__(inputs)
        self.versions, self.marker = Path(versions), Path(marker)

    def learn(self, batch, truth):
        if not self.marker.exists() and list(self.versions.glob("**/manifest.json")):
            self.marker.touch()
            raise ValueError("once")
        return super().learn(batch, truth)
"""


@pytest.mark.timeout(400)
def test_after_a_failure_every_reject_stands_there_once(
    learner_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(learner_file.parent))  # for the local runtime
    learner = learner_file.with_name("fails_once_with_rejects.py")
    learner.write_text(FAILING)
    file, marker, versions = tmp_path / "rows.csv", tmp_path / "failed", tmp_path / "versions"
    bad = {0: "x{},a,1\n", 1: "{},a,9\n"}  # no number; no label
    file.write_text("id,name,click\n" + "".join(bad.get(i % 50, "{},b,0\n").format(i) for i in range(60_000)))

    def one(on: str) -> dlf.Pipeline:
        source = FileSource(
            paths=(str(file),),
            format="csv",
            columns={"id": "BIGINT", "name": "STRING", "click": "INT"},
            key=("id",),
            rejects=dlf.Rejects(to=str(tmp_path / on), max_share=0.05),
        )
        return pipeline(
            source,
            features=dlf.Features(hashed=("name",)),
            learner=dlf.Custom(type=f"{learner}:FailsOnce", versions=str(versions), marker=str(marker), batch=8),
            export=dlf.Export(to=str(versions)),
            checkpoint=dlf.Checkpoint(every="100 ms"),
            runtime=dlf.Runtime(
                deterministic=True,
                flink=dlf.Flink(options={"restart-strategy.exponential-delay.initial-backoff": "10 ms"}),
                worker=dlf.Worker(env={"PYTHONPATH": str(learner.parent)}),
            ),
        )

    flink = dlf.run(one("flink"), on="flink")
    assert marker.exists()
    assert flink.restarts == 1
    local = dlf.run(one("local"), on="local")
    assert (flink.rows, flink.rejected, flink.state_digest) == (local.rows, local.rejected, local.state_digest)
    places = [sorted(row["place"] for row in written(tmp_path / on)) for on in ("flink", "local")]
    assert places[0] == places[1]
    assert len(places[0]) == flink.rejected == 2_400

"""A checkpoint that is damaged ends a run with one error, which says the command that goes on from the one before."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dlonflink as dlf
from dlonflink.errors import CorruptionError
from dlonflink.runtime.record import there

SCRIPT = str(Path(sys.executable).parent / "dlonflink")
ROWS = 20_000

DAMAGING = """\
import pathlib
from {module} import Perceptron

class Damaging(Perceptron):
    '''Damages every checkpoint there is, once there are two, and fails.'''

    def learn(self, batch, truth):
        found = list(pathlib.Path({home!r}).glob("numbers/checkpoints/*/*/chk-*/_metadata"))
        if len(found) > 1:
            for metadata in found:
                for file in metadata.parent.iterdir():
                    if b"dlonflink-snapshot" in file.read_bytes():
                        file.write_bytes(file.read_bytes()[:-7])
            raise ValueError("no more of this")
        return super().learn(batch, truth)
"""


def numbers(rate: int, **changes: Any) -> dlf.Pipeline:
    ddl = f"""CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'fields.id.kind' = 'sequence',
        'fields.id.start' = '1', 'fields.id.end' = '{ROWS}', 'rows-per-second' = '{rate}')"""
    query = "SELECT MOD(id, 7) AS a, MOD(id, 2) AS y FROM source"
    # State in files of its own, however small.
    flink = dlf.Flink(options={"execution.checkpointing.data-inline-threshold": "0 b"})
    sections: dict[str, Any] = {
        "name": "numbers",
        "source": dlf.SqlSource(ddl=ddl, table="numbers", query=query),
        "features": dlf.Features(hashed=("a",)),
        "label": "y",
        "learner": dlf.Logistic(),
        "checkpoint": dlf.Checkpoint(every="500 ms"),
        "runtime": dlf.Runtime(flink=flink),
    }
    return dlf.Pipeline(**(sections | changes))


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [SCRIPT, "run", "numbers.yaml", *words]
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=120)


def flipped(data: bytes) -> bytes:
    at = data.index(b"dlonflink-snapshot") + 3
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


@pytest.mark.timeout(400)  # five starts of a JVM
def test_the_error_names_the_checkpoint_and_the_command_that_takes_the_one_before(home: Path, tmp_path: Path) -> None:
    (tmp_path / "numbers.yaml").write_text(numbers(100_000).to_yaml())
    with dlf.start(numbers(300), on="flink") as job:
        for progress in job.progress("200 ms"):
            if progress.checkpoints >= 3 and progress.rows > 0:
                break
    newest, before, *_ = [one.url for one in there(home / "numbers")]
    folder = Path(newest.removeprefix("file://"))
    metadata = folder / "_metadata"
    (model,) = [file for file in folder.iterdir() if b"dlonflink-snapshot" in file.read_bytes()]
    for file, damage in (
        (metadata, lambda data: bytes(len(data))),
        (model, flipped),
        (model, None),
    ):
        whole = file.read_bytes()
        file.unlink()
        if damage:
            file.write_bytes(damage(whole))
        failed = run("--resume", cwd=tmp_path)
        file.write_bytes(whole)
        lines = failed.stderr.splitlines()
        assert failed.returncode == 1, failed.stderr
        assert lines[0].startswith("error[corruption]: "), failed.stderr
        assert len(lines) <= 10
        assert f"  where:    {newest}" in lines
        assert f"  fix:      dlonflink run numbers.yaml --from {before}" in lines
        assert "at org.apache" not in failed.stderr
    whole = model.read_bytes()
    model.write_bytes(flipped(whole))
    (command,) = [line.removeprefix("  fix:").strip() for line in lines if line.startswith("  fix:")]
    done = run(*shlex.split(command)[3:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{ROWS:,} rows" in done.stdout


def test_a_restart_that_meets_a_damaged_checkpoint_ends_the_run(home: Path, learner_file: Path, tmp_path: Path) -> None:
    """Not tried again: it would be the same checkpoint."""
    (tmp_path / "damaging.py").write_text(
        f"import sys\nsys.path.append({str(learner_file.parent)!r})\n"
        + DAMAGING.format(module=learner_file.stem, home=str(home))
    )
    learner = dlf.Custom(type=f"{tmp_path / 'damaging.py'}:Damaging", batch=16)
    with pytest.raises(CorruptionError) as failed:
        dlf.run(numbers(300, learner=learner), on="flink")
    newest, before, *_ = [one.url for one in there(home / "numbers")]
    assert failed.value.where == newest
    assert f"dlonflink run ... --from {before}" in (failed.value.fix or "")

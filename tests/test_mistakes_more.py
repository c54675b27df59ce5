"""Twenty more mistakes, as test_mistakes.py has the first ten; what they look like is in docs/troubleshooting.md."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import socket
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import csv, parquet

import dlonflink as dlf
from conftest import LEARNER
from dlonflink.errors import (
    DataError,
    FencedError,
    JobError,
    LearnerError,
    PipelineError,
    ResumeError,
    SchemaError,
    SetupError,
    SqlError,
    WorkerError,
)
from flink_rest import rest
from mistakes import ONE_RESTART, PIPELINE, SCRIPT, Mistake, check, run
from test_mistakes import MISTAKES as FIRST

LOCAL, FLINK = ("local",), ("flink",)
OWN = ("type: logistic", 'type: "model.py:Mine"')


def learner(body: str) -> Callable[[Path], object]:
    """model.py with a class Mine."""
    return lambda folder: (folder / "model.py").write_text(f"{LEARNER}\n\n{body}\n")


def returns(scores: str) -> Callable[[Path], object]:
    return learner(
        f"class Mine(Perceptron):\n    def learn(self, batch, truth):\n        s = super().learn(batch, truth)\n"
        f"        return {scores}"
    )


def text(change: Callable[[str], str]) -> Callable[[Path], object]:
    """clicks.csv, changed."""
    return lambda folder: (folder / "clicks.csv").write_text(change((folder / "clicks.csv").read_text()))


def cut_in_quotes(whole: str) -> str:
    return whole[: whole.rindex('"u ""') + len('"u ""')]


def cut_gzip(folder: Path) -> None:
    data = gzip.compress((folder / "clicks.csv").read_bytes())
    (folder / "clicks.csv.gz").write_bytes(data[: len(data) * 2 // 3])


def cut_parquet(folder: Path) -> None:
    parquet.write_table(csv.read_csv(folder / "clicks.csv"), folder / "clicks.parquet")
    data = (folder / "clicks.parquet").read_bytes()
    (folder / "clicks.parquet").write_bytes(data[: len(data) // 2])


MODULE = """\
import torch


class Mine(torch.nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.out = torch.nn.Linear(inputs.dim, 2)

    def forward(self, x):
        return self.out(x["ad"])
"""


NOT_A_NUMBER = ('self.out(x["ad"])', 'self.out(x["ad"])[:, 0] + float("nan")')


def without_torch(folder: Path) -> None:
    (folder / "without").mkdir()
    (folder / "without" / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")


def old_connector(folder: Path) -> None:
    with zipfile.ZipFile(folder / "flink-sql-connector-kafka-3.4.0-1.20.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")


def anothers_store(folder: Path) -> None:
    """Versions of a pipeline called `others`, learned in this process."""
    source = dlf.MemorySource(columns={"a": "INT", "y": "INT"}, rows=({"a": 1, "y": 1}, {"a": 2, "y": 0}))
    others = dlf.Pipeline(
        name="others",
        source=source,
        features=dlf.Features(hashed=("a",)),
        label="y",
        learner=dlf.Logistic(),
        export=dlf.Export(to=str(folder / "versions")),
    )
    dlf.run(others, on="local")


def options(**named: str) -> str:
    """Flink options, with one restart."""
    more = "".join(f', {key.replace("__", ".").replace("_", "-")}: "{value}"' for key, value in named.items())
    return ONE_RESTART.replace('"1"', f'"1"{more}')


def sql_pipeline(ddl: str) -> str:
    """Over a table `t` of its own."""
    return f"""\
name: clicks
source: {{{{type: sql, table: t, query: "SELECT a, MOD(a, 2) AS click FROM source", ddl: "{ddl}"}}}}
features: {{{{hashed: [a]}}}}
label: click
learner: {{{{type: logistic}}}}
"""


MISTAKES = {
    # --- the file that describes the pipeline ---
    "a tab": Mistake(
        "not YAML: found character '\\t'",
        "pipeline.yaml:9",
        "indent by spaces",
        (("  hashed:", "\thashed:"),),
        on=LOCAL,
        error=PipelineError,
    ),
    "not YAML": Mistake(
        "not YAML: ",
        "pipeline.yaml:5",
        "close every quote and bracket",
        (("{path}]", "{path}"),),
        on=LOCAL,
        error=PipelineError,
    ),
    "a key twice": Mistake(
        "key 'label' stands twice",
        "pipeline.yaml:11",
        "keep one of them",
        (("label: click", "label: click\nlabel: ad"),),
        on=LOCAL,
        error=PipelineError,
    ),
    "label is text": Mistake(
        "column 'user' is no number",
        "pipeline.yaml:10 (label)",
        "BOOLEAN or a number",
        (("[user, ad]", "[ad]"), ("label: click", "label: user")),
        error=SchemaError,
    ),
    "event time is a number": Mistake(
        "column 'id' cannot be the event time",
        "pipeline.yaml:8 (source.event_time)",
        "TIMESTAMP(3)",
        (("  key: [id]", "  key: [id]\n  event_time: id"),),
        error=PipelineError,
    ),
    # --- the machine ---
    "a store that cannot be written": Mistake(
        "cannot write there",
        "pipeline.yaml:12 (export.to)",
        "a directory you may write to",
        (("to: versions", "to: clicks.csv/versions"),),
        error=SetupError,
    ),
    "the disk of the checkpoints is gone": Mistake(
        "cannot write there",
        "pipeline.yaml:13 (checkpoint.dir)",
        "a directory you may write to",
        (("export: {{to: versions}}\n", "export: {{to: versions}}\ncheckpoint: {{dir: /proc/gone}}\n"),),
        on=FLINK,
        error=SetupError,
    ),
    "temporary files too deep": Mistake(
        "too long for a socket",
        "x" * 80,
        "set TMPDIR to a shorter one",
        environment={"TMPDIR": "{folder}/" + "x" * 80},
        error=SetupError,
        prepare=lambda folder: (folder / ("x" * 80)).mkdir(),
    ),
    "ports taken": Mistake(
        "no port is free for Flink's web UI",
        "{port}",
        "rest.bind-port",
        pipeline=PIPELINE + options(rest__bind_port="{port}"),
        on=FLINK,
        error=SetupError,
    ),
    "a jar for another Flink": Mistake(
        "the jar is for Flink 1.20",
        "pipeline.yaml:13 (runtime.flink.jars[0])",
        "-2.2.jar",
        pipeline=PIPELINE + "runtime: {{flink: {{jars: [flink-sql-connector-kafka-3.4.0-1.20.jar]}}}}\n",
        on=FLINK,
        error=SetupError,
        prepare=old_connector,
    ),
    "a page for a jar": Mistake(
        "the jar cannot be read",
        "pipeline.yaml:13 (runtime.flink.jars[0])",
        "fetch it again",
        pipeline=PIPELINE + "runtime: {{flink: {{jars: [kafka.jar]}}}}\n",
        on=FLINK,
        error=SetupError,
        prepare=lambda folder: (folder / "kafka.jar").write_text("<html>Not found</html>"),
    ),
    "Kafka's jar is missing": Mistake(
        "Flink knows no connector or format 'kafka'",
        "statement ",
        "flink-sql-connector-kafka:5.0.0-2.2",
        pipeline=sql_pipeline(
            "CREATE TABLE t (a BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json')"
        ),
        on=FLINK,
        error=SetupError,
    ),
    "a cluster that is not there": Mistake(
        "the cluster cannot be reached",
        "pipeline.yaml:13 (runtime.flink.address): http://127.0.0.1:9",
        "start it, or correct the address",
        pipeline=PIPELINE + 'runtime: {{flink: {{target: remote, address: "http://127.0.0.1:9"}}}}\n',
        on=FLINK,
        error=SetupError,
    ),
    "a cluster of another Flink": Mistake(
        "the cluster runs another Flink than the jars here",
        "Flink 2.1.0",
        "or name a cluster of Flink 2.2",
        pipeline=PIPELINE + 'runtime: {{flink: {{target: remote, address: "{cluster}"}}}}\n',
        on=FLINK,
        error=SetupError,
    ),
    "more slots than there are": Mistake(
        "no task slot is free",
        "scan.parallelism",
        "taskmanager.numberOfTaskSlots",
        pipeline=sql_pipeline("CREATE TABLE t (a BIGINT) WITH ('connector' = 'datagen', 'scan.parallelism' = '4')")
        + options(slot__request__timeout="1 s"),
        on=FLINK,
        error=SetupError,
    ),
    "another pipeline's store": Mistake(
        "the store holds versions of pipeline 'others'",
        "pipeline.yaml:12 (export.to)",
        "give each pipeline its own export.to",
        error=PipelineError,
        prepare=anothers_store,
    ),
    # --- rows ---
    "no row": Mistake(
        "the source gave no row",
        "pipeline.yaml:2 (source)",
        "look into the files",
        error=DataError,
        prepare=text(lambda whole: whole.partition("\n")[0] + "\n"),
    ),
    "cut within quotes": Mistake(
        "the file is not CSV", "clicks.csv", "correct the file", error=DataError, prepare=text(cut_in_quotes)
    ),
    "a Parquet file cut off": Mistake(
        "the file is not Parquet",
        "clicks.parquet",
        "copy it again",
        (("{path}", "clicks.parquet"), ("format: csv", "format: parquet")),
        on=LOCAL,
        error=DataError,
        prepare=cut_parquet,
    ),
    "a compressed file cut off": Mistake(
        "the file cannot be read to its end",
        "clicks.csv.gz",
        "copy it again",
        (("{path}", "{path}.gz"),),
        error=DataError,
        prepare=cut_gzip,
    ),
    "JSON lines that are none": Mistake(
        "a line is not JSON",
        "clicks.csv",
        "correct the file",
        (("format: csv", "format: jsonl"),),
        on=LOCAL,
        error=DataError,
    ),
    # --- the learner ---
    "a syntax error": Mistake(
        "importing the learner raised SyntaxError",
        "pipeline.yaml:11 (learner.type)",
        "its traceback says where",
        (OWN,),
        error=LearnerError,
        prepare=learner("def x(:"),
    ),
    "a package the worker lacks": Mistake(
        "the learner needs the package 'notthere'",
        "pipeline.yaml:11 (learner.type)",
        "-m pip install notthere",
        (OWN,),
        error=SetupError,
        prepare=learner("import notthere"),
    ),
    "NaN": Mistake(
        "a score that is not a probability",
        "row 1, label 'click'",
        "a step size that is too large",
        (OWN,),
        error=LearnerError,
        prepare=returns("s * np.float32('nan')"),
    ),
    "scores of another shape": Mistake(
        "something else than a score for each row",
        "model.py:Mine, rows 1 to 256",
        "reshape(-1, 1)",
        (OWN,),
        on=LOCAL,
        error=LearnerError,
        prepare=returns("s[:, 0]"),
    ),
    "logits of another shape": Mistake(
        "the module's forward returned something else than a logit for each row and label",
        "model.py:Mine, rows 1 to 256",
        "self.out(h).squeeze(1)",
        (("type: logistic", 'type: torch, module: "model.py:Mine"'),),
        on=LOCAL,
        error=LearnerError,
        prepare=lambda folder: (folder / "model.py").write_text(MODULE),
    ),
    "a loss that is no number": Mistake(
        "the loss is not finite",
        "model.py:Mine, rows 1 to 256",
        "a division, log or sqrt of 0 in forward",
        (("type: logistic", 'type: torch, module: "model.py:Mine"'),),
        on=LOCAL,
        error=LearnerError,
        prepare=lambda folder: (folder / "model.py").write_text(MODULE.replace(*NOT_A_NUMBER)),
    ),
    "a secret that is not there": Mistake(
        "the environment variable CLICKS_KEY is not set",
        "pipeline.yaml:13 (runtime.worker.env.KEY)",
        "export CLICKS_KEY=...",
        pipeline=PIPELINE + "runtime: {{worker: {{env: {{KEY: {{env: CLICKS_KEY}}}}}}}}\n",
        on=FLINK,
        error=PipelineError,
    ),
    "no torch": Mistake(
        "the learner 'deepfm' needs torch, which is not installed",
        "pipeline.yaml:11 (learner.type)",
        " -m pip install 'torch>=2.4'",
        (("type: logistic", "type: deepfm"),),
        {"PYTHONPATH": "{folder}/without"},
        on=LOCAL,
        error=SetupError,
        prepare=without_torch,
    ),
    "killed by the kernel": Mistake(
        "killed by SIGKILL (exit code 137): most likely the machine, or the container, ran out of memory",
        "MiB",
        "give it more memory",
        (OWN,),
        on=FLINK,
        error=WorkerError,
        prepare=returns("__import__('os').kill(__import__('os').getpid(), 9)"),
    ),
    # --- Flink ---
    "a sink without the columns": Mistake(
        "the sink's table does not take a scored row",
        "sink.ddl",
        "give the table these columns",
        pipeline=PIPELINE
        + "sink: {{type: sql, table: s, ddl: \"CREATE TABLE s (score FLOAT) WITH ('connector' = 'blackhole')\"}}\n",
        on=FLINK,
        error=SqlError,
    ),
    "checkpoints that take too long": Mistake(
        "checkpoints take longer than they may",
        "checkpoint.every",
        "make checkpoint.every longer",
        (OWN, ("export: {{to: versions}}\n", "checkpoint: {{every: 50 ms}}\n")),
        pipeline=PIPELINE
        + options(
            execution__checkpointing__timeout="50 ms", execution__checkpointing__tolerable_failed_checkpoints="0"
        ),
        on=FLINK,
        error=JobError,
        prepare=learner(
            "import time\n\nclass Mine(Perceptron):\n    def learn(self, *a):\n"
            "        time.sleep(0.2)\n        return super().learn(*a)"
        ),
    ),
}
CASES = [(name, on) for name, mistake in MISTAKES.items() for on in mistake.on]


@pytest.fixture
def port() -> Iterator[int]:
    """One that is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(("name", "on"), CASES, ids=[f"{name}, {on}" for name, on in CASES])
def test_mistake(name: str, on: str, stream: Any, port: int, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    shutil.copy(stream.path, tmp_path / "clicks.csv")
    mistake.prepare(tmp_path)
    written = mistake.pipeline
    for before, after in mistake.changes:
        assert before in written
        written = written.replace(before, after)
    environment = {key: value.format(folder=tmp_path) for key, value in mistake.environment.items()}
    with rest({"/config": {"flink-version": "2.1.0"}}) as cluster:
        written = written.replace("{port}", str(port)).replace("{cluster}", cluster)
        done = run(tmp_path, written.format(path="clicks.csv"), on, environment)
    check(done, replace(mistake, place=mistake.place.replace("{port}", str(port))))


# --- with another run beside, or before ---

NUMBERS = """\
name: numbers
source:
  type: sql
  ddl: CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000')
  table: numbers
  query: SELECT MOD(id, 7) AS a, MOD(id, 11) AS b, CASE WHEN MOD(id, 3) = 0 THEN 1 ELSE 0 END AS click FROM source
features:
  hashed: [a, b]
label: click
learner: {type: logistic}
checkpoint: {every: 500 ms}
"""


BESIDE = {
    "two of one name": Mistake(
        "another run of 'numbers' is under way", "numbers", "give this one another name", error=SetupError
    ),
    "a run that did not finish": Mistake(
        "the last run of 'numbers' did not finish", "runs", "--resume goes on", error=PipelineError
    ),
    "a column less at resume": Mistake(
        "the feature 'b' of the checkpoint is not declared any more",
        "pipeline.yaml:8 (features.hashed)",
        "put it back",
        error=ResumeError,
    ),
    "a checkpoint that is not there": Mistake(
        "there is no checkpoint at this place",
        "nowhere",
        "dlonflink run pipeline.yaml --from file:///",
        error=ResumeError,
    ),
    "a store that another run has taken over": Mistake(
        "another run has taken over this store", "versions", "give each its own export.to", error=FencedError
    ),
}


def test_two_of_one_name_then_two_ctrl_c_then_a_column_less(home: Path, tmp_path: Path) -> None:
    """One run on Flink, and what people do to it."""
    (tmp_path / "pipeline.yaml").write_text(NUMBERS)
    process = subprocess.Popen(
        [SCRIPT, "run", "pipeline.yaml"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    learning = False
    for line in process.stdout:  # one a second
        learning = learning or "log loss" in line
        if learning and list((home / "numbers" / "checkpoints").glob("*/*/chk-*/_metadata")):
            break
    check(run(tmp_path, NUMBERS, "flink", {}), BESIDE["two of one name"])
    # The second comes while the first is heeded: it may find any line of what is done then.
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        try:
            _, errors = process.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
    assert (process.returncode, errors) == (130, "")
    check(run(tmp_path, NUMBERS, "flink", {}), BESIDE["a run that did not finish"])
    done = run(tmp_path, NUMBERS.replace("[a, b]", "[a]"), "flink", {}, "--resume")
    check(done, BESIDE["a column less at resume"])
    check(run(tmp_path, NUMBERS, "flink", {}, "--from", "nowhere"), BESIDE["a checkpoint that is not there"])


WAITING = """\
class Mine(Perceptron):
    def learn(self, batch, truth):
        if self.rows == 0:
            open("ready", "w").close()  # until somebody reads
            open("go").close()
        return super().learn(batch, truth)
"""


def test_a_store_that_another_run_has_taken_over(stream: Any, tmp_path: Path) -> None:
    shutil.copy(stream.path, tmp_path / "clicks.csv")
    learner(WAITING)(tmp_path)
    for name in ("ready", "go"):
        os.mkfifo(tmp_path / name)
    text = PIPELINE.format(path="clicks.csv")
    (tmp_path / "first.yaml").write_text(text.replace(*OWN))
    first = subprocess.Popen(
        [SCRIPT, "run", "first.yaml", "--on", "local"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    (tmp_path / "ready").read_bytes()
    second = run(tmp_path, text, "local", {"DLONFLINK_HOME": str(tmp_path / "other")})
    assert second.returncode == 0, second.stderr
    (tmp_path / "go").write_bytes(b"")
    out, err = first.communicate(timeout=60)
    done = subprocess.CompletedProcess([], first.returncode, out, err)
    check(done, BESIDE["a store that another run has taken over"])


def test_the_page_tells_every_mistake() -> None:
    """And none that is no more."""
    text = (Path(__file__).parent.parent / "docs" / "troubleshooting.md").read_text()
    told = re.findall(r"^\| `(.+?)` \| .+ \|$", text, re.MULTILINE)
    made = [mistake.cause.strip() for table in (FIRST, MISTAKES, BESIDE) for mistake in table.values()]
    assert told == list(dict.fromkeys(made))

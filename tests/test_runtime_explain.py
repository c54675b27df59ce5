"""Java's words to ours: nothing is left unmapped, and what we know says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlonflink import errors
from dlonflink.errors import CorruptionError, DLOnFlinkError, LearnerError, SetupError, SqlError, WorkerError
from dlonflink.runtime import causes as causes_table
from dlonflink.runtime.explain import brief, explain, explain_exit, explain_interpreter
from dlonflink.runtime.flink import flink_jars
from dlonflink.runtime.jars import Jar, flink_version, minor_of, misfit

LOG = Path("/home/logs/run-flink.log")

TABLE = "org.apache.flink.table.api."
CALCITE = "org.apache.calcite.runtime.CalciteContextException: "
NO_FACTORY = f"""{TABLE}ValidationException: Could not find any factory for identifier 'kafka' that implements \
'org.apache.flink.table.factories.DynamicTableFactory' in the classpath.

Available factory identifiers are:

blackhole
datagen"""
NO_OPTION = f"""{TABLE}ValidationException: Unsupported options found for 'filesystem'.

Unsupported options:

paht

Supported options:

connector"""
OPTION_MISSING = f"""{TABLE}ValidationException: One or more required options are missing.

Missing required options are:

path"""
NOT_SQL = f"""{TABLE}SqlParserException: SQL parse failed. Encountered "FORM" at line 1, column 10.
Was expecting one of:
    <EOF>"""
NO_COLUMN = f"""{CALCITE}From line 1, column 8 to line 1, column 11: Column 'clik' not found in any table; \
did you mean 'click'?"""
NO_TABLE = f"{CALCITE}From line 2, column 6 to line 2, column 11: Object 'sorce' not found"

NO_FIT = f"""{TABLE}ValidationException: Column types of query result and sink for 'a_catalog.a_database.s' \
do not match.
Cause: Different number of columns.

Query schema: [id: BIGINT, score: FLOAT]
Sink schema:  [score: FLOAT]"""
LATE = """org.apache.flink.util.FlinkRuntimeException: Exceeded checkpoint tolerable failure threshold. The latest \
checkpoint failed due to Checkpoint expired before completing., view the Checkpoint History tab"""

KNOWN = [
    ("java.io.IOException: No space left on device", "setup", "the disk is full"),
    ("java.lang.OutOfMemoryError: Java heap space", "setup", "Java heap space"),
    ("java.net.BindException: Could not start rest endpoint on any port in port range 1-9", "setup", "rest.bind-port"),
    (NO_FACTORY, "setup", "runtime.flink.jars"),
    (NO_OPTION, "sql", "'paht'"),
    (OPTION_MISSING, "sql", "'path'"),
    (NOT_SQL, "sql", "'FORM'"),
    (NO_COLUMN, "schema", "did you mean 'click'?"),
    (NO_TABLE, "sql", "line 2, column 6"),
    (f"{TABLE}TableException: Sort on a non-time-attribute field is not supported.", "sql", "Sort on a non-time"),
    ("java.io.FileNotFoundException: File /data/a.csv does not exist or the user", "data", "/data/a.csv"),
    ("java.lang.ClassNotFoundException: org.apache.kafka.Consumer", "setup", "org.apache.kafka.Consumer"),
    (
        "java.lang.IllegalStateException: There is no operator for the state abc",
        "resume",
        "no operator of this pipeline",
    ),
    ("a.NoResourceAvailableException: Could not acquire the minimum required resources.", "setup", "no task slot"),
    (
        "org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: no file system implementation for scheme 's3'.",
        "setup",
        "flink-s3-fs-hadoop",
    ),
    ("java.lang.NoSuchMethodError: 'void org.x.Y.z()'", "setup", "written against another Flink"),
    ("java.io.EOFException: Unexpected end of ZLIB input stream", "data", "copy it again"),
    (NO_FIT, "sql", "give the table these columns"),
    (LATE, "job", "checkpoints take longer than they may"),
    ("java.lang.RuntimeException: RowTime field should not be null, please convert", "data", "event time is NULL"),
]


def event(*causes: str, **more: Any) -> dict[str, Any]:
    return {"event": "failed", "stage": "job", "error": None, "causes": list(causes), "stack": "at x\nat y"} | more


@pytest.mark.parametrize(("cause", "code", "said"), KNOWN, ids=[said for _, _, said in KNOWN])
def test_known_causes(cause: str, code: str, said: str) -> None:
    error = explain(event("org.apache.flink.runtime.JobException: Recovery is suppressed", cause), LOG)
    assert error.code == code
    assert said in str(error)
    assert "org.apache.flink." not in str(error)
    assert error.trace == "at x\nat y"


@pytest.mark.parametrize(
    "frame",
    [
        "runtime.checkpoint.Checkpoints.loadCheckpointMetadata(Checkpoints.java:102)",
        "runtime.checkpoint.metadata.MetadataV3Serializer.deserializeOperatorState(MetadataV3Serializer.java:9)",
        "streaming.api.operators.StreamTaskStateInitializerImpl$OperatorStateStreamIterator.next(S.java:1)",
    ],
)
def test_what_cannot_be_restored_is_a_checkpoint_whatever_flink_calls_it(frame: str) -> None:
    missing = "java.io.FileNotFoundException: /c/chk-3/8a (No such file or directory)"
    error = explain(event(missing, stack=f"{missing}\n\tat org.apache.flink.{frame}\n"), LOG)
    assert isinstance(error, CorruptionError)
    assert error.where == "the checkpoint"
    assert error.got == missing.removeprefix("java.io.")
    assert explain(event(missing), LOG).code == "data"


def test_unknown_cause_gives_root_cause_and_log() -> None:
    error = explain(event("a.b.Outer: first", "c.d.RootError: what it was\nand more"), LOG)
    assert error.code == "job"
    assert "RootError: what it was" in str(error)
    assert str(LOG) in str(error)
    assert "--debug" in str(error)


def test_a_refused_statement() -> None:
    place = "the query: SELECT * FORM source"
    known = SqlError(NOT_SQL.partition(": ")[2], where=place).to_json()
    error = explain(event("x.FailureException: dlonflink-error: {}", error=known), LOG)
    assert isinstance(error, SqlError)
    assert "'FORM'" in error.what
    assert error.where == f"line 1, column 10, {place}"
    view = "statement 2 of 2: CREATE TEMPORARY VIEW `source_rows` AS SELECT a FORM source"
    ours = SqlError('Encountered "source" at line 3, column 15.\nWas expecting', where=view).to_json()
    error = explain(event("x.FailureException: dlonflink-error: {}", error=ours), LOG)
    assert error.where == "source.query, line 2, column 15"
    assert error.got == "SELECT a FORM source"
    assert error.fix
    other = SqlError("Something\nnew", where=place).to_json()
    error = explain(event("x.FailureException: dlonflink-error: {}", error=other), LOG)
    assert isinstance(error, SqlError)
    assert error.got == "Something new"


def test_the_workers_own_words_win() -> None:
    reported = LearnerError("the learner raised ValueError", where="row 17", trace="Traceback ...").to_json()
    error = explain(event("java.io.IOException: Broken pipe", error=reported), LOG)
    assert isinstance(error, LearnerError)
    assert error.where == "row 17"
    assert error.trace == "Traceback ...\nat x\nat y"


@pytest.mark.parametrize("code", sorted(errors.ERRORS))
def test_every_code_crosses(code: str) -> None:
    reported = json.loads(json.dumps(errors.ERRORS[code]("what", fix="so").to_json()))
    assert type(explain(event(error=reported), LOG)) is errors.ERRORS[code]


causes = st.lists(st.text(max_size=80) | st.sampled_from([cause for cause, _, _ in KNOWN]), max_size=4)


@given(causes, st.none() | st.builds(lambda what: SqlError(what, where="the query").to_json(), st.text(max_size=40)))
def test_nothing_is_left_unmapped(chain: list[str], reported: dict[str, Any] | None) -> None:
    error = explain(event(*chain, error=reported), LOG)
    assert isinstance(error, DLOnFlinkError)
    assert error.what
    assert len(str(error).splitlines()) <= 10


@given(st.integers(-9, 255), st.text(max_size=200))
def test_a_dead_jvm_is_explained(code: int, output: str) -> None:
    assert str(code) in str(explain_exit(code, output, LOG)) or explain_exit(code, output, LOG).code == "setup"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (137, "out of memory"),
        (139, "SIGSEGV"),
        (134, "native library"),
        (3, "code 3"),
        (143, "SIGTERM"),
        (200, "code 200"),
    ],
)
def test_a_worker_that_went_without_a_word(code: int, said: str) -> None:
    reported = WorkerError(f"the worker exited with code {code}", where="worker of clicks").to_json()
    error = explain(event(error=reported), LOG, {"rows": 1, "memory_mib": 1234})
    assert isinstance(error, WorkerError)
    assert error.exit_code == code
    assert said in str(error)
    assert error.fix
    assert ("1,234 MiB" in str(error)) is (code == 137)


CRASH = """\
one last word
Fatal Python error: Segmentation fault

Stack (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/home/ctr/model.py", line 14 in learn
  File "/opt/site-packages/dlonflink/training/step.py", line 52 in take
  File "/opt/site-packages/dlonflink/worker/loop.py", line 90 in run

Extension modules: numpy.core (total: 1)"""


def test_a_crash_says_where_the_users_code_was() -> None:
    reported = WorkerError("the worker exited with code 139", where="worker of clicks", got=CRASH).to_json()
    error = explain(event(error=reported), LOG)
    assert error.where == "/home/ctr/model.py:14, in learn; worker of clicks"
    assert error.got == "Fatal Python error: Segmentation fault"
    assert "one last word" in str(error.trace)
    assert len(str(error).splitlines()) <= 10
    silent = WorkerError(
        "the worker has said nothing for 30 s",
        where="worker of clicks",
        got=CRASH[CRASH.index("Stack") :].replace("Stack", "Current thread 0x7f"),
    )
    assert str(explain(event(error=silent.to_json()), LOG).where).startswith("/home/ctr/model.py:14")


def test_what_the_worker_printed_last_is_one_line() -> None:
    printed = "\n".join(f"line {number}" for number in range(40))
    reported = WorkerError("the worker exited with code 0", where="worker of clicks", got=printed).to_json()
    error = explain(event(error=reported), LOG)
    assert error.got == "line 39"
    assert "os._exit" in str(error.fix)
    assert "line 0" in str(error.trace)


@pytest.mark.parametrize("coordinates", {**causes_table._JARS, **causes_table._FILE_SYSTEMS}.values())
def test_a_jar_is_named_for_the_flink_we_bring(coordinates: str) -> None:
    _, name, version = coordinates.partition(",")[0].split(":")
    theirs, ours = minor_of(f"{name}-{version}.jar"), flink_version(flink_jars())
    assert theirs is not None
    assert ours is not None
    assert misfit(Jar(Path(name), theirs, version), ours) is None


def test_an_interpreter_of_a_cluster_without_our_package() -> None:
    got = (
        "/usr/bin/python3: Error while finding module specification for 'dlonflink.worker' "
        "(ModuleNotFoundError: No module named 'dlonflink')"
    )
    reported = WorkerError("the worker exited with code 1", where="attempt 3, before it connected", got=got).to_json()
    error = explain(event(error=reported), LOG)
    assert isinstance(error, SetupError)
    assert "lacks the package 'dlonflink'" in str(error)
    assert "/usr/bin/python3" in str(error)
    assert "runtime.worker.python" in str(error)


def test_a_package_missing_in_the_interpreter() -> None:
    error = explain_interpreter("/envs/a/bin/python", "Traceback\nModuleNotFoundError: No module named 'yaml'\n")
    assert "'yaml'" in error.what
    assert error.fix == "/envs/a/bin/python -m pip install pyyaml"
    assert "SyntaxError: x" in str(explain_interpreter("python", "Traceback\nSyntaxError: x\n"))


def test_a_failure_in_one_line() -> None:
    stack = "org.apache.flink.X: lost\n\tat a.b(C.java:1)\nCaused by: java.io.IOException: %s\n\tat d.e(F.java:2)\n"
    assert brief(stack % "the pipe broke") == "the pipe broke"
    reported = json.dumps(LearnerError("the learner raised ValueError").to_json())
    assert brief(stack % f"dlonflink-error: {reported}") == "the learner raised ValueError"
    assert brief(stack % "dlonflink-error: {cut") != ""


@given(st.text(max_size=200))
def test_any_failure_has_a_line(stack: str) -> None:
    assert brief(stack)
    assert len(brief(stack).splitlines()) == 1

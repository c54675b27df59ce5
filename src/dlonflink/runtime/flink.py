"""The Flink that pip installed, and the command that starts our entry in it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from dlonflink.errors import SetupError
from dlonflink.runtime.jars import flink_version, refuse_misfits

ENTRY = "org.dlonflink.Main"
_OWN_JAR = Path(__file__).parent.parent / "jars" / "dlonflink.jar"
OPENS = (
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.net=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.time=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
)
"""Flink's serializers and the table runtime reach into these (flink-dist's default configuration has the same)."""
_HEAP = (512, 4096)  # MiB
_HEAP_SHARE = 4
"""The JVM gets a quarter of the memory: the model's tables, which grow, lie in the worker."""

PATTERN = (
    "%d{{yyyy-MM-dd HH:mm:ss.SSSX}}{{UTC}} %-5p {name} run={run} attempt=%equals{{%X{{dlonflink-attempt}}}}{{}}{{-}} "
    "checkpoint=%equals{{%X{{dlonflink-checkpoint}}}}{{}}{{-}} %c{{1.}}: %replace{{%m%n%xEx}}{{\\n(?=.)}}{{$0    }}"
)
"""The lines of worker/log.py. Only threads of the job know an attempt and a checkpoint (LogContext.java)."""

_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = file
appender.file.name = file
appender.file.type = File
appender.file.fileName = {log}
appender.file.append = true
# Ours: the values of secrets go out as stars.
appender.file.layout.type = RedactedLayout
appender.file.layout.pattern = {pattern}
logger.netty.name = org.apache.flink.shaded.netty4.io.netty.util
logger.netty.level = WARN
"""


def flink_jars() -> list[Path]:
    """The jars of the package apache-flink-libraries, which installs them as `pyflink/lib`; nothing is imported."""
    spec = importlib.util.find_spec("pyflink")
    for place in (spec.submodule_search_locations or []) if spec else []:
        jars = sorted(Path(place, "lib").glob("*.jar"))
        if jars:
            return jars
    raise SetupError(
        "Flink's jars were not found",
        expected="the package apache-flink-libraries",
        fix="pip install apache-flink-libraries",
    )


def own_jar() -> Path:
    """The jar that lies in the package. SetupError in a checkout where it was not built."""
    if not _OWN_JAR.is_file():
        raise SetupError(
            "dlonflink.jar was not found",
            where=str(_OWN_JAR),
            fix="install the wheel, or in a checkout run scripts/setup",
        )
    return _OWN_JAR


def class_path(extra: Sequence[str]) -> str:
    """Ours, Flink's, then the connectors of `runtime.flink.jars`."""
    flink = flink_jars()
    refuse_misfits([Path(jar) for jar in extra], flink_version(flink))
    return os.pathsep.join([str(own_jar()), *map(str, flink), *extra])


def logging_file(directory: Path, log: Path, *, name: str, run: str) -> Path:
    """log4j's configuration, made in `directory`: everything goes to `log`; Flink's default is inside site-packages."""
    file = directory / "log4j2.properties"
    pattern = PATTERN.format(name=name, run=run).replace("\\", "\\\\")  # the file's own escape
    file.write_text(_LOGGING.format(log=log, pattern=pattern))
    return file


def command(java: Path, jars: Sequence[str], *, scratch: Path, logging: Path, plan: Path) -> list[str]:
    """Starts the entry with `plan`."""
    return [
        str(java),
        f"-Xmx{heap()}m",
        # 1.4 times the speed of the serial collector, which two cores would select.
        "-XX:+UseParallelGC",
        *OPENS,
        f"-Djava.io.tmpdir={scratch}",
        f"-Dlog4j.configurationFile={logging.as_uri()}",
        "-cp",
        class_path(jars),
        ENTRY,
        str(plan),
    ]


def heap() -> int:
    """MiB of the JVM's heap."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return max(_HEAP[0], min(_HEAP[1], total // _HEAP_SHARE))

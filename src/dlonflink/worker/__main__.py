"""`python -m dlonflink.worker NAME SOCKET`: started by Flink's side, which adds the socket as the last argument.

`python -m dlonflink.worker NAME --compile PLAN.json`: started by the client, compiles the kernels of a plan.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import signal
import socket
import sys
from pathlib import Path

from dlonflink.errors import DLOnFlinkError
from dlonflink.training.settings import TrainingPlan
from dlonflink.training.warm import likely_schemas, warm
from dlonflink.worker.log import begin
from dlonflink.worker.loop import serve
from dlonflink.worker.threads import hold_lifeline, start


def main(*, learners: int = 1) -> int:
    """The exit code: 0 when all was said and done, 1 after an error. A worker whose Flink side is gone kills itself.
    `learners`: see Protocol.
    """
    parser = argparse.ArgumentParser(prog="python -m dlonflink.worker", allow_abbrev=False)
    parser.add_argument("name", help="the pipeline's name, so that a list of processes shows it")
    parser.add_argument(
        "--compile", metavar="PLAN", type=Path, help="compile the kernels that this plan needs, and end"
    )
    parser.add_argument("socket", nargs="?", help="the Unix socket on which Flink's side listens")
    arguments = parser.parse_args()
    if arguments.compile:
        return _compile(arguments.compile)
    if not arguments.socket:
        parser.error("the socket is missing")
    # A group of its own: Ctrl-C in a terminal is for Java's side, which ends the worker when it has done with it, and
    # which finds what the user's code started by this group, even when the worker itself is gone.
    os.setpgid(0, 0)
    # The stack where native code crashes, and where it is when Flink's side hears nothing any more and asks (SIGUSR1).
    faulthandler.enable(all_threads=False)
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(arguments.socket)
        except OSError as error:
            parser.exit(1, f"cannot connect to {arguments.socket}: {error.strerror}\n")
        start("lifeline", lambda: hold_lifeline(sys.stdin.fileno()))
        return serve(connection, begin(arguments.name), learners=learners)


def _compile(plan: Path) -> int:
    for entry in json.loads(plan.read_bytes())["worker"]:
        training = TrainingPlan.model_validate(entry)
        for schema in likely_schemas(training):
            # What is wrong with the plan is told by who runs it; here only time is lost.
            with contextlib.suppress(DLOnFlinkError):
                warm(training, schema)
    return 0


if __name__ == "__main__":
    sys.exit(main())

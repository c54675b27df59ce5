"""A pipeline on a Flink of its own: a MiniCluster in a child JVM, the worker beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from dlonflink.errors import JobError
from dlonflink.runtime.base import Job, Pace, Progress, Summary, summary
from dlonflink.runtime.directory import RunDirectory, State
from dlonflink.runtime.explain import brief, explain, explain_exit
from dlonflink.runtime.interpreter import Compiler
from dlonflink.runtime.jvm import Event, Jvm
from dlonflink.runtime.rest import Rest, Status
from dlonflink.runtime.watch import Watch
from dlonflink.store.settings import Export
from dlonflink.store.store import Store

_POLL = 0.5
"""Seconds between looks; Flink itself asks its metrics once a second."""
_GRACE = 8.0
"""From SIGTERM to SIGKILL: cancelling, the worker's own grace of 3 s, closing the cluster."""


class EmbeddedJob(Job):
    """Owns the JVM, the compiler and the run's directory. A thread of its own watches them and ends them."""

    def __init__(self, jvm: Jvm, compiler: Compiler, directory: RunDirectory, export: Export | None) -> None:
        self._jvm = jvm
        self._compiler = compiler
        self._directory = directory
        self._export = export
        self._watch = Watch("starting the JVM")
        self._pace = Pace()
        self._stopping = threading.Event()
        self._web: str | None = None
        self._prometheus: str | None = None
        self._rest: Rest | None = None
        self._status: Status | None = None
        self._thread = threading.Thread(target=self._run, name="job", daemon=True)
        self._thread.start()

    def progress(self, every: str = "1 s") -> Iterator[Progress]:
        return self._watch.iterate(every)

    def wait(self) -> Summary:
        return self._watch.wait()

    def stop(self) -> None:
        if not self._watch.ended:
            self._stopping.set()
            self._jvm.terminate()
        self._thread.join()

    def _run(self) -> None:
        state: State = "failed"
        result: Summary | None = None
        error: BaseException | None = None
        try:
            result = self._follow()
            state = "finished" if result is not None else "stopped"
        except BaseException as problem:  # noqa: BLE001 - handed to the thread that waits
            error = problem
        try:
            self._end(error)
            self._directory.close(state)
        except Exception as problem:  # noqa: BLE001 - a remote file system's client raises its own; who waits must know
            error = error or problem
        self._watch.end(result, error)

    def _end(self, error: BaseException | None) -> None:
        self._compiler.stop()
        if error is not None:
            self._jvm.terminate()
        self._jvm.end(_GRACE)

    def _follow(self) -> Summary | None:
        """Until the end: the summary, or None where it was stopped. Raises what failed."""
        while True:
            event = self._jvm.event(_POLL)
            if event is not None:
                done = self._take(event)
                if done is not None:
                    return done
            elif self._jvm.exit_code() is not None:
                return self._ended(self._jvm.exit_code() or 0)
            self._look()

    def _ended(self, code: int) -> None:
        """The JVM is gone without a last word."""
        if self._stopping.is_set():
            return
        raise explain_exit(code, self._jvm.printed(), self._directory.log("flink"))

    def _take(self, event: Event) -> Summary | None:
        match event.get("event"):
            case "cluster":
                self._web, self._prometheus = event["rest"], event["metrics"]
                self._tell("submitting the job")
            case "submitted":
                self._rest = Rest(str(self._web), event["job_id"])
                self._tell("waiting for the first rows")
            case "finished":
                return self._finished(event)
            case "failed":
                raise explain(event, self._directory.log("flink"), self._status.report if self._status else None)
            case _:
                pass
        return None

    def _finished(self, event: dict[str, Any]) -> Summary:
        if event["report"] is None:
            raise JobError(
                "the job was stopped with a savepoint, before the end of its input",
                where=self._web,
                fix="to go on from it, use --fresh and name it: runtime.flink.options, execution.savepoint.path",
            )
        # The last version is published after the last report, at the checkpoint that Flink makes of the end.
        report: dict[str, Any] = {**event["report"], "version": self._last_version()}
        self._tell("finished", report)
        result = summary(
            report,
            seconds=self._watch.seconds,
            steady=self._pace.steady(),
            checkpoints=event["checkpoints"],
            restarts=self._status.restarts if self._status else 0,
        )
        self._directory.write_json("summary.json", result.to_json())
        return result

    def _last_version(self) -> int | None:
        if self._export is None:
            return None
        versions = Store(self._export.to).versions()
        return next((one.number for one in versions if one.origin.run == self._directory.run), None)

    def _look(self) -> None:
        compiling = self._compiler.running()
        if self._rest is None or self._stopping.is_set():
            return
        try:
            self._status = self._rest.status()
        except OSError:
            return  # a cluster that closes; what became of the job comes as an event
        report = self._status.report
        if self._status.state == "RESTARTING":
            self._tell(f"restarting: {brief(self._status.failure or '')}", report)
        elif report and report["rows"]:
            self._tell("learning", report)
        else:
            self._tell("compiling kernels" if compiling else "waiting for the first rows", report)

    def _tell(self, phase: str, report: Any = None) -> None:
        before = self._watch.progress
        seconds = self._watch.seconds
        status = self._status
        rate = before.rows_per_second
        if report is not None and report["rows"] != before.rows:
            rate = self._pace.add(report["at"], report["rows"])
        self._watch.update(
            Progress(
                phase=phase,
                seconds=seconds,
                rows=report["rows"] if report else before.rows,
                rows_per_second=rate,
                metrics=report["metrics"] if report else before.metrics,
                window=report["window"] if report else before.window,
                checkpoints=status.checkpoints if status else 0,
                restarts=status.restarts if status else 0,
                event_time=report["event_time"] if report else before.event_time,
                version=report["version"] if report else before.version,
                web=self._web,
                prometheus=self._prometheus,
            )
        )

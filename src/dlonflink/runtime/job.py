"""A pipeline on Flink: a JVM that submits it, to a cluster inside itself or to one that runs, and follows it."""

from __future__ import annotations

from typing import Any, final

from dlonflink.runtime.base import Progress, Summary, in_flight, received, summary
from dlonflink.runtime.directory import RunDirectory
from dlonflink.runtime.explain import brief, explain, explain_exit
from dlonflink.runtime.interpreter import Compiler
from dlonflink.runtime.jvm import Event, Jvm
from dlonflink.runtime.outcome import last_version
from dlonflink.runtime.remote import slots
from dlonflink.runtime.rest import Rest, Status
from dlonflink.runtime.resume import name_checkpoint
from dlonflink.runtime.watch import WatchedJob
from dlonflink.store.settings import Export

_POLL = 0.5
"""Seconds between looks; Flink itself asks its metrics once a second."""
_GRACE = 8.0
"""From SIGTERM to SIGKILL: cancelling, the worker's own grace of 3 s, closing the cluster."""


@final
class FlinkJob(WatchedJob):
    """Owns the JVM and, where the worker runs on this machine, the compiler."""

    def __init__(self, jvm: Jvm, compiler: Compiler | None, directory: RunDirectory, export: Export | None) -> None:
        super().__init__("starting the JVM", directory)
        self._jvm = jvm
        self._compiler = compiler
        self._export = export
        self._web: str | None = None
        self._prometheus: str | None = None
        self._rest: Rest | None = None
        self._status: Status | None = None
        self._begin()

    def stop(self) -> None:
        if not self._watch.ended:
            self._stopping.set()
            self._cancel()
            self._jvm.terminate()
        self._thread.join()

    def _cancel(self) -> None:
        """The JVM does so, too, but may be gone, or is killed if it takes too long: a cluster's job would run on."""
        if self._rest is None:
            return
        try:
            self._rest.cancel()
        except FileNotFoundError:
            pass  # it has ended
        except OSError:
            if self._directory.remote:
                self._directory.lose_sight()

    def _end(self) -> None:
        if self._compiler is not None:
            self._compiler.stop()
        self._jvm.end(_GRACE)

    def _follow(self) -> Summary | None:
        try:
            return self._take_all()
        except BaseException:
            if self._directory.remote:
                self._cancel()
            self._jvm.terminate()
            raise

    def _take_all(self) -> Summary | None:
        while True:
            event = self._jvm.event(_POLL)
            if event is not None:
                if event.get("event") == "finished":
                    return self._finished(event)
                self._take(event)
            elif self._jvm.exit_code() is not None:
                return self._ended(self._jvm.exit_code() or 0)
            self._look()

    def _ended(self, code: int) -> None:
        """The JVM is gone without a last word."""
        if self._stopping.is_set():
            return
        raise name_checkpoint(explain_exit(code, self._jvm.printed(), self._directory.log("flink")), self._directory)

    def _take(self, event: Event) -> None:
        match event.get("event"):
            case "cluster":
                self._web, self._prometheus = event["rest"], event["metrics"]
                self._tell("submitting the job")
            case "submitted":
                self._rest = Rest(str(self._web), event["job_id"])
                self._directory.submitted(str(self._web), event["job_id"])
                self._tell("waiting for the first rows")
            case "failed":
                report = self._status.report if self._status else None
                raise name_checkpoint(explain(event, self._directory.log("flink"), report), self._directory)
            case _:
                pass

    def _finished(self, event: Event) -> Summary | None:
        """None where another process stopped the job with a savepoint, before the end of its input."""
        if event["report"] is None:
            return None
        # The last version is published after the last report, at the checkpoint that Flink makes of the end.
        version = last_version(self._export.to, self._directory.run) if self._export else None
        report: dict[str, Any] = {**event["report"], "version": version}
        self._tell("finished", report)
        result = summary(
            report,
            seconds=self._watch.seconds,
            steady=self._pace.steady(),
            checkpoints=self._checkpoints(event),
            restarts=int(event["report"]["attempt"]),
        )
        self._directory.write_json("summary.json", result.to_json())
        return result

    def _checkpoints(self, finished: Event) -> int:
        counted: int | None = finished["checkpoints"]
        if counted is not None:
            return counted
        try:
            return self._rest.all_checkpoints() if self._rest else 0
        except OSError:  # the cluster is gone, but the job has finished
            return self._status.checkpoints if self._status else 0

    def _look(self) -> None:
        compiling = self._compiler is not None and self._compiler.running()
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
        elif self._status.waiting and not compiling:
            self._tell(self._queue(), report)
        else:
            self._tell("compiling kernels" if compiling else "waiting for the first rows", report)

    def _queue(self) -> str:
        """A cluster that is full says nothing for minutes (`slot.request.timeout`)."""
        try:
            free, total = slots(str(self._web))
        except OSError:
            free, total = 1, 1
        return "waiting for the first rows" if free else f"waiting for a free task slot: {total} in all, none free"

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
                rejected=report["rejected"] if report else before.rejected,
                received=received(report) if report else before.received,
                in_flight=in_flight(report) if report else before.in_flight,
                web=self._web,
                prometheus=self._prometheus,
            )
        )


def submission(jvm: Jvm, directory: RunDirectory) -> tuple[str, str]:
    """Follows a JVM that ends when it has submitted its job, which is written down: address of the web UI, job's id."""
    web = job_id = None
    try:
        while True:
            event = jvm.event(_POLL)
            match (event or {}).get("event"):
                case "cluster":
                    web = str(event["rest"]) if event else None
                case "submitted":
                    job_id = str(event["job_id"]) if event else None
                    # At once: whatever happens to us from here on, the job goes on.
                    directory.submitted(str(web), str(job_id), detached=True)
                case "failed":
                    raise name_checkpoint(explain(event or {}, directory.log("flink")), directory)
                case _:
                    pass
            if event is None and (code := jvm.exit_code()) is not None:
                break
    except BaseException:
        jvm.terminate()
        raise
    finally:
        jvm.end(_GRACE)
    if web is None or job_id is None:
        raise explain_exit(code, jvm.printed(), directory.log("flink"))
    return web, job_id

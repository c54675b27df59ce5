"""What Flink's REST API says of a cluster and of a job, and the little that it is told."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlonflink.errors import JobError
from dlonflink.runtime.explain import brief

_TIMEOUT = 5.0
_GAUGE = ".dlonflink.report"
_ACCUMULATOR = "dlonflink.report"
_POLL = 0.2
_OVER = {404, 409}
"""A job that the cluster does not know, and one that has ended."""
_NO_TASK = {"CREATED", "SCHEDULED"}
_UNREAD = "dlonflink.rejected"


@dataclass(frozen=True)
class Status:
    state: str
    """Flink's: CREATED, RUNNING, RESTARTING, FINISHED, FAILED, CANCELED, ..."""
    report: Mapping[str, Any] | None
    """The worker's newest report, with the bad rows of text, of which it knows nothing; None before the first."""
    checkpoints: int
    """Completed."""
    restarts: int
    failure: str | None
    """Stack of the newest failure, which a restart may be getting over."""
    waiting: bool
    """For task slots: some task has none."""


class Server:
    """A cluster's REST server. Every call is one request; OSError when there is no answer, or an error for one:
    FileNotFoundError where what was asked for is not there (any more).
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # Neither the loopback interface nor Flink's own clients know a proxy, whatever the environment says.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        return self._ask("POST", path, json.dumps(body).encode())

    def patch(self, path: str) -> Any:
        return self._ask("PATCH", path, b"")

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        # http by the pattern of `runtime.flink.address`, or by Flink's own word
        request = urllib.request.Request(  # noqa: S310
            self._url + path, body, {"Content-Type": "application/json"}, method=method
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            # Not there yet (metrics of a task that has not started) reads like nothing.
            error.close()
            kind = FileNotFoundError if error.code in _OVER else OSError
            raise kind(f"{path}: HTTP {error.code}") from None
        except (http.client.HTTPException, ValueError) as error:
            # A cluster that closes in the middle of its answer.
            raise OSError(f"{path}: {error!r}") from error


class Rest:
    """One job. OSError when the cluster is gone, or does not know the job."""

    def __init__(self, url: str, job_id: str) -> None:
        self._server = Server(url)
        self._path = f"/jobs/{job_id}"
        self._gauge: tuple[str, str] | None = None  # vertex, metric

    def status(self) -> Status:
        """How the job is doing now."""
        job = self.job()
        states = {vertex["status"] for vertex in job["vertices"]}
        report = self._report(job)
        # Flink's metric may be a second old, and the report from before the newest restart.
        restarts = max(self.restarts(), int((report or {}).get("attempt", 0)))
        return Status(
            state=job["state"],
            report=report and self._with_unread(report, self._accumulators()),
            checkpoints=self.checkpoints(),
            restarts=restarts,
            failure=self.failure() if restarts else None,
            waiting=job["state"] == "RUNNING" and bool(states & _NO_TASK),
        )

    def job(self) -> Mapping[str, Any]:
        return self._get("")

    def checkpoints(self) -> int:
        """Completed ones."""
        counts: Mapping[str, int] = self._get("/checkpoints")["counts"]
        return counts["completed"]

    def all_checkpoints(self) -> int:
        """Completed ones of a job that has ended. Waits, some seconds at most, until Flink must have forgotten what
        it remembers from before the end (`web.refresh-interval`).
        """
        job = self.job()
        remembers: int = self._server.get("/config")["refresh-interval"]
        ended = job["now"] - job["end-time"] if job["end-time"] > 0 else 0
        time.sleep(max(0, remembers - ended) / 1000)
        return self.checkpoints()

    def restarts(self) -> int:
        """So far."""
        values = self._get("/metrics?get=numRestarts")
        return int(values[0]["value"]) if values else 0

    def failure(self) -> str | None:
        """Stack of the newest one."""
        entries = self._get("/exceptions")["exceptionHistory"]["entries"]
        return str(entries[0]["stacktrace"]) if entries else None

    def last_report(self) -> Mapping[str, Any] | None:
        """The worker's last word in a job that has ended; None where its input had not."""
        found = self._accumulators()
        last = found.get(_ACCUMULATOR, "")
        return self._with_unread(json.loads(last), found) if last.startswith("{") else None

    def _accumulators(self) -> Mapping[str, str]:
        return {one["name"]: one["value"] for one in self._get("/accumulators")["user-task-accumulators"]}

    def _with_unread(self, report: Mapping[str, Any], accumulators: Mapping[str, str]) -> Mapping[str, Any]:
        """The bad rows of text are no part of the worker's report, which is all that it knows."""
        unread = int(accumulators.get(_UNREAD, 0))
        return {**report, **{part: report.get(part, 0) + unread for part in ("rejected", "received")}}

    def cancel(self) -> None:
        """Asks for its end; its newest checkpoint is kept."""
        self._server.patch(f"{self._path}?mode=cancel")

    def savepoint(self, directory: str) -> str:
        """Makes one below `directory`; its URL. Raises JobError."""
        return self._trigger("/savepoints", {"target-directory": directory, "cancel-job": False})

    def stop(self, directory: str) -> str:
        """Ends the job with a savepoint below `directory`; its URL. Raises JobError."""
        return self._trigger("/stop", {"targetDirectory": directory, "drain": False})

    def _trigger(self, action: str, body: Mapping[str, object]) -> str:
        trigger = self._server.post(self._path + action, body)["request-id"]
        while True:
            answer = self._get(f"/savepoints/{trigger}")
            if answer["status"]["id"] == "COMPLETED":
                break
            time.sleep(_POLL)
        operation = answer["operation"]
        if "location" not in operation:
            stack = str(operation.get("failure-cause", {}).get("stack-trace", ""))
            raise JobError(
                "the savepoint failed",
                got=brief(stack) if stack else None,
                fix="`dlonflink status` says how the job is; try again once it learns",
                trace=stack or None,
            )
        return str(operation["location"])

    def _report(self, job: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if self._gauge is None:
            self._gauge = self._find(job)
        if self._gauge is None:
            return None
        vertex, metric = self._gauge
        values = self._get(f"/vertices/{vertex}/metrics?get={urllib.parse.quote(metric)}")
        text = values[0]["value"] if values else ""
        # Before the worker's first report the gauge holds an empty object.
        return json.loads(text) or None if text.startswith("{") else None

    def _find(self, job: Mapping[str, Any]) -> tuple[str, str] | None:
        for vertex in job["vertices"]:
            for metric in self._get(f"/vertices/{vertex['id']}/metrics"):
                if metric["id"].endswith(_GAUGE):
                    return vertex["id"], metric["id"]
        return None

    def _get(self, path: str) -> Any:
        return self._server.get(self._path + path)

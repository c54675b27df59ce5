"""What Flink's REST API says of a job."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TIMEOUT = 5.0
_GAUGE = ".dlonflink.report"


@dataclass(frozen=True)
class Status:
    state: str
    """Flink's: CREATED, RUNNING, RESTARTING, FINISHED, FAILED, CANCELED, ..."""
    report: Mapping[str, Any] | None
    """The worker's newest report, None before the first."""
    checkpoints: int
    """Completed."""
    restarts: int
    failure: str | None
    """Stack of the newest failure, which a restart may be getting over."""


class Rest:
    """One job's figures. Every call is a few GETs on the loopback interface; OSError when the cluster is gone."""

    def __init__(self, url: str, job_id: str) -> None:
        self._job = f"{url.rstrip('/')}/jobs/{job_id}"
        self._gauge: tuple[str, str] | None = None  # vertex, metric
        # The loopback interface needs no proxy, whatever the environment says.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def status(self) -> Status:
        """How the job is doing now."""
        job = self._get("")
        restarts = self._get("/metrics?get=numRestarts")
        counts: Mapping[str, int] = self._get("/checkpoints")["counts"]
        count = int(restarts[0]["value"]) if restarts else 0
        return Status(
            state=job["state"],
            report=self._report(job),
            checkpoints=counts["completed"],
            restarts=count,
            failure=self._failure() if count else None,
        )

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

    def _failure(self) -> str | None:
        entries = self._get("/exceptions")["exceptionHistory"]["entries"]
        return str(entries[0]["stacktrace"]) if entries else None

    def _get(self, path: str) -> Any:
        try:
            with self._opener.open(self._job + path, timeout=_TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            # Not there yet (metrics of a task that has not started) reads like nothing.
            error.close()
            raise OSError(f"{path}: HTTP {error.code}") from None
        except (http.client.HTTPException, ValueError) as error:
            # A cluster that closes in the middle of its answer.
            raise OSError(f"{path}: {error!r}") from error

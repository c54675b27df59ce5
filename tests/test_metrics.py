"""What a run on Flink tells Prometheus, and that docs/metrics.md says so."""

from __future__ import annotations

import re
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import dlonflink as dlf
from dlonflink.errors import PipelineError, SetupError

PAGE = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text()
PREFIX = "flink_taskmanager_job_task_operator_dlonflink_"
NOT_FOR_PROMETHEUS = {"report"}

QUERY = """
    SELECT MOD(id, 7) AS a, CASE WHEN MOD(id, 3) = 0 THEN 1 ELSE 0 END AS click, CAST(now_ AS TIMESTAMP(3)) AS seen
    FROM source
"""


def numbers(ports: int | str, to: Path) -> dlf.Pipeline:
    """2,000 rows a second, without end."""
    ddl = """
        CREATE TABLE numbers (id BIGINT, now_ AS PROCTIME()) WITH ('connector' = 'datagen', 'rows-per-second' = '2000')
    """
    return dlf.Pipeline(
        name="numbers",
        source=dlf.SqlSource(ddl=ddl, table="numbers", query=QUERY, event_time="seen"),
        features=dlf.Features(hashed=("a",)),
        label="click",
        learner=dlf.Logistic(),
        checkpoint=dlf.Checkpoint(every="300 ms"),
        export=dlf.Export(to=str(to)),
        runtime=dlf.Runtime(metrics=dlf.Metrics(prometheus=ports)),
    )


def documented() -> set[str]:
    """The names in the page's table."""
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def get(url: str, method: str = "GET") -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, method=method)) as answer:
        return answer.read().decode()


def test_a_run_shows_what_the_page_lists(home: Path, tmp_path: Path) -> None:
    with dlf.start(numbers(0, tmp_path / "versions"), on="flink") as job:
        for progress in job.progress("200 ms"):
            if progress.version is not None:
                break
        assert progress.prometheus is not None
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", progress.prometheus)
        text = get(progress.prometheus)
        with pytest.raises(urllib.error.HTTPError, match="405") as refused:
            get(progress.prometheus, "POST")
        refused.value.close()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    ours = {name.removeprefix(PREFIX): family for name, family in families.items() if name.startswith(PREFIX)}
    assert ours.keys() == documented() - NOT_FOR_PROMETHEUS
    (run,) = (entry.name for entry in (home / "numbers" / "runs").iterdir())
    values: dict[str, float] = {}
    for name, family in ours.items():
        (sample,) = family.samples
        assert sample.labels == {
            "job_name": "numbers",
            "run": run,
            "operator_name": "dlonflink-train",
            "subtask_index": "0",
            "task_name": "dlonflink-train -> dlonflink-drop: Writer",
        }
        values[name] = sample.value
    assert values["rowsIn"] >= values["rows"] > 0
    assert values["batches"] > 0
    assert values["bytes"] > 8 * values["rows"]
    assert values["tableRows"] == 13  # the numbers are of both signs
    assert values["version"] >= 1
    assert values["versionsPublished"] >= 1
    assert values["snapshotBytes"] > 0
    assert values["learnerBatches"] > 0
    assert values["publishFailures"] == values["rejected"] == 0
    assert 0 < values["logloss"] < 1
    assert values["eventTimeMillis"] + values["eventTimeLagMillis"] == pytest.approx(1000 * time.time(), abs=600_000)
    # Flink's own are there too.
    assert "flink_jobmanager_job_numberOfCompletedCheckpoints" in families
    assert "flink_taskmanager_job_task_operator_numRecordsIn" in families
    assert len({(s.name, *s.labels.items()) for f in families.values() for s in f.samples}) == sum(
        len(family.samples) for family in families.values()
    )


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError) as caught:
            dlf.run(numbers(port, tmp_path / "versions"), on="flink")
    assert str(caught.value).splitlines() == [
        "no port for Prometheus is free on 127.0.0.1",
        "  where:    runtime.metrics.prometheus",
        f"  got:      {port}",
        '  fix:      name a free port or a wider range, e.g. "9249-9259"',
    ]


@pytest.mark.parametrize("ports", ["x", "9249-", "9259-9249", -1, 65_536, "1-2-3"])
def test_what_is_no_port(ports: int | str) -> None:
    text = f"""
name: page
source: {{type: files, paths: [a.csv], format: csv, columns: {{a: STRING, label: INT}}}}
features: {{hashed: [a]}}
label: label
learner: {{type: logistic}}
runtime: {{metrics: {{prometheus: {ports}}}}}
"""
    with pytest.raises(PipelineError, match="is no port and no range of ports"):
        dlf.Pipeline.from_yaml(text)


def test_a_cluster_of_somebody_else_has_its_own_reporters(tmp_path: Path) -> None:
    flink = dlf.Flink(target="remote", address="http://localhost:8081")
    one = numbers(9249, tmp_path / "versions")
    remote = one.model_copy(update={"runtime": one.runtime.model_copy(update={"flink": flink})})
    with pytest.raises(PipelineError, match="cluster's own reporters") as caught:
        dlf.start(remote, on="flink")
    assert caught.value.where == "runtime.metrics.prometheus"


def test_the_page_speaks_of_no_metric_that_it_does_not_list() -> None:
    assert set(re.findall(rf"{PREFIX}(\w+)", PAGE)) <= documented()

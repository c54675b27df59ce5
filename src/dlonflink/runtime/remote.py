"""A cluster that runs: whether it can take a job of ours."""

from __future__ import annotations

from typing import Any

from dlonflink.errors import SetupError
from dlonflink.runtime.flink import flink_jars
from dlonflink.runtime.jars import flink_version, minor
from dlonflink.runtime.rest import Server

_KEY = "runtime.flink.address"


def check_cluster(address: str) -> None:
    """SetupError where there is no Flink at an address, or one of another minor than the jars here."""
    where = f"{_KEY}: {address}"
    try:
        answer: Any = Server(address).get("/config")
        theirs = str(answer["flink-version"])
    except OSError as error:
        raise SetupError(
            "the cluster cannot be reached",
            where=where,
            got=str(getattr(error, "reason", None) or error),
            fix="start it, or correct the address: it is that of Flink's web UI",
        ) from error
    except (KeyError, TypeError) as error:
        raise SetupError("this is no Flink", where=where, fix="the address is that of Flink's web UI") from error
    ours = flink_version(flink_jars())
    if ours is not None and minor(theirs) != minor(ours):
        raise SetupError(
            "the cluster runs another Flink than the jars here",
            where=where,
            expected=f"Flink {minor(ours)}",
            got=f"Flink {theirs}",
            fix=f"pip install 'apache-flink-libraries=={minor(theirs)}.*', or name a cluster of Flink {minor(ours)}",
        )


def slots(address: str) -> tuple[int, int]:
    """Free task slots of a cluster, and all of them. OSError when it is gone."""
    overview: Any = Server(address).get("/overview")
    return int(overview["slots-available"]), int(overview["slots-total"])

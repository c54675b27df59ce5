"""Numbers as people read them here: `.7842`, `327,346`, `0:01:09`."""

from __future__ import annotations

import math


def share(value: float | None) -> str:
    """A figure of about 1 with four places, no leading zero; `-` where it is undefined."""
    if value is None or math.isnan(value):
        return "-"
    text = f"{value:.4f}"
    return text.removeprefix("0") if text.startswith("0.") else text


def elapsed(seconds: float) -> str:
    """Hours, minutes and seconds: 0:01:40."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def event_time(text: str | None) -> str:
    """ISO 8601 to the second."""
    return "-" if text is None else text[:19].replace("T", " ")

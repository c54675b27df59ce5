"""Description of where versions go."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlonflink.settings import Duration, OnResume, Settings


class Export(Settings):
    """Where versions of the model go, and how often."""

    on_resume = OnResume(free=("to", "every", "keep"))

    to: str
    """Directory or fsspec URL of the store."""
    every: Duration | None = None
    """The first completed checkpoint at least this long after the last version publishes; default: each one does. The
    last checkpoint of a bounded stream always does."""
    keep: Annotated[int, Field(ge=1)] = 10
    """Versions whose files are kept; the log keeps every entry."""

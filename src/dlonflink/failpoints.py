"""Named points where a test can make a real failure happen; nothing unless the environment says so.

    DLONFLINK_FAILPOINTS="store.write=ENOSPC"

raises that OSError the first time, and every time, the point is reached.
"""

from __future__ import annotations

import errno
import os

_VARIABLE = "DLONFLINK_FAILPOINTS"


def reach(point: str) -> None:
    """Raises OSError when the environment arms `point` with the name of an errno."""
    armed = os.environ.get(_VARIABLE)
    if not armed:
        return
    for entry in armed.split(","):
        name, _, action = entry.partition("=")
        if name == point:
            number = getattr(errno, action)
            raise OSError(number, os.strerror(number), point)

"""Where a Python stack stands, for a person: in their own code, wherever that called into somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_FOREIGN = re.compile(
    r"^<|/(?:site|dist)-packages/|/lib/python3\.\d+/"
    r"|/dlonflink/(?:worker|training|learners|embedding|features|evaluation)/"
)
_CURRENT = re.compile(r"^(?:Stack|Current thread .*) \(most recent call first\):$")
_FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>\S+)')


def place(frames: Iterable[tuple[str, int, str]]) -> str | None:
    """`model.py:14, in learn`, of frames (file, line, function), the innermost first; None where there is none."""
    innermost: str | None = None
    for file, line, function in frames:
        said = f"{file}:{line}, in {function}"
        if not _FOREIGN.search(file):
            return said
        innermost = innermost or said
    return innermost


def dumped(printed: str) -> Iterator[tuple[str, int, str]]:
    """The frames that `faulthandler` has printed of the thread that it ran in."""
    inside = False
    for line in printed.splitlines():
        frame = _FRAME.match(line)
        if inside and frame:
            yield frame["file"], int(frame["line"]), frame["function"]
        else:
            inside = bool(_CURRENT.match(line))

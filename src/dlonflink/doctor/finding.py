"""What a look at one thing came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, Self

from dlonflink.errors import DLOnFlinkError

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `fix` says what to do, unless all is well."""

    name: str
    """What: `Java`, `disk /tmp`, ..."""
    state: State
    found: str
    """On one line: a version, a place, a reason."""
    fix: str | None = None

    @classmethod
    def of(cls, name: str, error: DLOnFlinkError) -> Self:
        """What an error of ours says, as a finding that fails."""
        told = [error.what.replace("\n", " ")]
        told += [f"{part} {text}" for part, text in (("at", error.where), ("got", error.got)) if text]
        told += [f"expected {error.expected}"] if error.expected else []
        return cls(name, "fail", "; ".join(told), error.fix)

    def to_json(self) -> dict[str, str | None]:
        return asdict(self)

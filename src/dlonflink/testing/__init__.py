"""For tests of your own: the laws every learner keeps, and the rows that it would see."""

from __future__ import annotations

from dlonflink.testing.checks import Law, check_learner, laws
from dlonflink.testing.rows import collect

__all__ = ["Law", "check_learner", "collect", "laws"]

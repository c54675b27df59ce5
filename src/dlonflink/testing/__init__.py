"""For tests of your own: the laws every learner keeps."""

from __future__ import annotations

from dlonflink.testing.checks import Law, check_learner, laws

__all__ = ["Law", "check_learner", "laws"]

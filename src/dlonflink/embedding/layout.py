"""What a table keeps for each ID."""

from __future__ import annotations

from dataclasses import dataclass

from dlonflink.errors import TableError

COUNT_LIMIT = 2**24
"""Where the count of learned rows stops: float32 holds every whole number up to here."""


@dataclass(frozen=True)
class RowLayout:
    """`dim` float32 values, and `state` float32 cells beside them, of which predict reads those in `served`.

    The last cell is the number of rows learned from, exact up to COUNT_LIMIT, where it stays. While it is 0 the ID is
    as good as absent: its values and cells are zeros, the default row. Values and served cells go into versions, all
    of it into snapshots. Rows of 16 values lie on cache lines of their own (64 bytes); `state` is a multiple of 4, so
    that few rows straddle two. `dim` may be 0: a linear learner has cells alone.
    """

    dim: int
    state: int
    served: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a layout that the kernels could not index."""
        cells_fit = self.state >= 4 and self.state % 4 == 0
        served_fit = list(self.served) == sorted({cell for cell in self.served if 0 <= cell < self.state - 1})
        if self.dim < 0 or not cells_fit or not served_fit:
            raise TableError(
                "a table cannot be laid out like this",
                expected="dim >= 0, state a multiple of 4, served cells rising, the last cell kept for the count",
                got=repr(self),
                fix="change the RowLayout the learner asks for",
            )

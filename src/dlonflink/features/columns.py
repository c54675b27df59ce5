"""Descriptions of features and labels: which columns, and how each becomes numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dlonflink.settings import OnResume, Settings


def _different(columns: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(columns)) < len(columns):
        raise ValueError(f"a column stands twice in the cross of {', '.join(columns)}")
    return columns


Parts = Annotated[tuple[str, ...], Field(min_length=2), AfterValidator(_different)]
"""Columns of a cross."""


class Hashed(Settings):
    """A column of IDs: any scalar, or an ARRAY of them, which is pooled.

    NULL is an ID of its own; an empty or NULL list has none.
    """

    on_resume = OnResume(kept=("column", "vocabulary", "bucket", "pooling"), free=("max_length",))

    column: str
    vocabulary: str | None = None
    """The space an ID is hashed in; equal vocabularies share rows. Default: the column's name."""
    bucket: Literal["log"] | None = None
    """Numeric columns: the value's floor if <= 2, else 10 + floor(ln(value)^2), is hashed in its place."""
    pooling: Literal["sum", "mean"] = "sum"
    """ARRAY columns: each element counts 1 (sum) or 1 / length (mean)."""
    max_length: Annotated[int, Field(ge=1)] | None = None
    """ARRAY columns: a row with a longer list is a bad row. Default: any length."""

    @property
    def space(self) -> str:
        return self.vocabulary or self.column


class Crossed(Settings):
    """Two or more scalar columns as one ID."""

    on_resume = OnResume(kept=("columns",))

    columns: Parts

    @property
    def name(self) -> str:
        return "*".join(self.columns)


class Dense(Settings):
    """A number as it is. `log1p`: sign(x) * ln(1 + |x|). NULL and NaN become `fill` (before the transform)."""

    on_resume = OnResume(kept=("column", "transform", "fill"))

    column: str
    transform: Literal["none", "log1p"] = "none"
    fill: Annotated[float, Field(allow_inf_nan=False)] = 0.0


class Features(Settings):
    """Which columns are features: IDs, crosses of IDs, numbers. A name alone is a column with the defaults."""

    on_resume = OnResume(added=("hashed", "crossed", "dense"))

    hashed: tuple[str | Hashed, ...] = ()
    crossed: tuple[Parts | Crossed, ...] = ()
    dense: tuple[str | Dense, ...] = ()

    def all_hashed(self) -> tuple[Hashed, ...]:
        return tuple(Hashed(column=one) if isinstance(one, str) else one for one in self.hashed)

    def all_crossed(self) -> tuple[Crossed, ...]:
        return tuple(one if isinstance(one, Crossed) else Crossed(columns=one) for one in self.crossed)

    def all_dense(self) -> tuple[Dense, ...]:
        return tuple(Dense(column=one) if isinstance(one, str) else one for one in self.dense)

    def columns(self) -> tuple[str, ...]:
        """Every column read, once, in the order of its first mention."""
        hashed = [one.column for one in self.all_hashed()]
        crossed = [column for one in self.all_crossed() for column in one.columns]
        dense = [one.column for one in self.all_dense()]
        return tuple(dict.fromkeys([*hashed, *crossed, *dense]))

    def __len__(self) -> int:
        """Declared features of any kind: F, by which the learners divide their step sizes."""
        return len(self.hashed) + len(self.crossed) + len(self.dense)


class Label(Settings):
    """A column of 0 and 1 (numbers or BOOLEAN)."""

    on_resume = OnResume(kept=("column", "weight"))

    column: str
    weight: str | None = None
    """Column with the importance of the row for this label; NULL counts as 1."""

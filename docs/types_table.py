"""Writes the table of docs/types.md from the table in the code: `python docs/types_table.py`; a test holds it current.

Arrow's type is what `parse` gives, numpy's and pandas' what pyarrow makes of a column without NULLs, and what takes a
column is asked of the features themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from dlonflink.errors import DLOnFlinkError
from dlonflink.features import arrays
from dlonflink.features.columns import Crossed, Dense, Features, Hashed, Label
from dlonflink.features.labels import truth
from dlonflink.features.spec import FeatureSpec
from dlonflink.types import parse
from dlonflink.types.table import LINES, Line

PAGE = Path(__file__).with_name("types.md")
BEGIN = "<!-- from here on written by docs/types_table.py -->\n"
HEAD = ("Flink", "Arrow", "numpy", "pandas", "in Python", "can be", "")
USES = ("hashed", "bucketed", "crossed", "dense", "label", "event time")


def page() -> str:
    """docs/types.md as it should be."""
    written, _, _ = PAGE.read_text().partition(BEGIN)
    rows = [HEAD, ("---",) * len(HEAD), *(row(line) for line in LINES)]
    return f"{written}{BEGIN}\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def row(line: Line) -> tuple[str, ...]:
    type_ = parse(line.instance, column="c")
    uses = ", ".join(use for use in USES if takes(use, type_))
    cells = (str(type_), numpy(type_), pandas(type_), line.values, uses or "passed on", line.note)
    return tuple(cell.replace("|", "\\|").replace("<", "\\<") for cell in (line.flink, *cells))


def numpy(type_: pa.DataType) -> str:
    return f"{pa.array([], type_).to_numpy(zero_copy_only=False).dtype}{'' if zero_copy(type_) else ', copied'}"


def pandas(type_: pa.DataType) -> str:
    shared = zero_copy(type_) and not (isinstance(type_, pa.TimestampType) and type_.tz)  # the zone makes it copy
    return f"{pa.array([], type_).to_pandas().dtype}{'' if shared else ', copied'}"


def zero_copy(type_: pa.DataType) -> bool:
    """Whether numpy sees a column without NULLs where it lies."""
    try:
        pa.array([], type_).to_numpy(zero_copy_only=True)
    except pa.ArrowInvalid:
        return False
    return True


def takes(use: str, type_: pa.DataType) -> bool:
    """Whether a column of the type may be this kind of feature, a label or the event time."""
    batch = pa.record_batch([pa.array([], type_), pa.array([], pa.string())], ["c", "other"])
    asked: dict[str, Callable[[], Any]] = {
        "hashed": lambda: FeatureSpec.of(Features(hashed=("c",)), batch.schema),
        "bucketed": lambda: FeatureSpec.of(Features(hashed=(Hashed(column="c", bucket="log"),)), batch.schema),
        "crossed": lambda: FeatureSpec.of(Features(crossed=(Crossed(columns=("c", "other")),)), batch.schema),
        "dense": lambda: FeatureSpec.of(Features(dense=(Dense(column="c"),)), batch.schema),
        "label": lambda: truth(batch, [Label(column="c")]),
    }
    if use == "event time":
        return arrays.is_time(type_)
    try:
        asked[use]()
    except DLOnFlinkError:
        return False
    return True


if __name__ == "__main__":
    PAGE.write_text(page())

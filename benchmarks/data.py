"""Synthetic streams for rates: 39 feature columns and a label. They say nothing about quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

COLUMNS = 39
BATCH_ROWS = 4_096
"""Of a batch in Arrow files."""


def features() -> list[str]:
    return [f"f{i}" for i in range(COLUMNS)]


def columns(kind: str) -> dict[str, str]:
    """`strings`: 8 hex digits; `integers`: 19 digits."""
    sql = {"strings": "STRING", "integers": "BIGINT"}[kind]
    return {"label": "INT", **dict.fromkeys(features(), sql)}


def make(directory: Path, kind: str, text: str, rows: int) -> Path:
    """Writes the stream once and returns its file. IDs are Zipf-like, 2^20 a column: a table grows as in use."""
    path = directory / f"{kind}-{rows}.{text}"
    if path.exists():
        return path
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    temporary = path.with_suffix(".part")
    if text == "arrow":
        _arrow(temporary, kind, rng, rows)
        temporary.rename(path)
        return path
    with temporary.open("wb") as file:
        for start in range(0, rows, 100_000):
            table = _chunk(rng, kind, min(100_000, rows - start))
            if text == "csv":
                options = pc.WriteOptions(include_header=start == 0, quoting_style="none")
                pc.write_csv(table, file, options)
            else:
                file.write(_jsonl(table, kind))
    temporary.rename(path)
    return path


def again(path: Path, number: int) -> Path:
    """The same file under another name; 0: its own."""
    link = path.with_stem(f"{path.stem}.{number}")
    if number and not link.exists():
        link.hardlink_to(path)
    return link if number else path


def _arrow(path: Path, kind: str, rng: np.random.Generator, rows: int) -> None:
    with pa.ipc.new_file(str(path), _chunk(rng, kind, 1).schema) as writer:
        for start in range(0, rows, 100_000):
            table = _chunk(rng, kind, min(100_000, rows - start)).combine_chunks()
            writer.write_table(table, max_chunksize=BATCH_ROWS)


def _chunk(rng: np.random.Generator, kind: str, rows: int) -> pa.Table:
    hexes = pa.array([f"{i * 2654435761 & 0xFFFFFFFF:08x}" for i in range(1 << 16)])
    arrays: dict[str, pa.Array] = {"label": pa.array((rng.random(rows) < 0.25).astype(np.int32))}
    for name in features():
        rank = np.exp(rng.random(rows) * np.log(1 << 20)).astype(np.int64)  # log-uniform: Zipf with exponent 1
        if kind == "strings":
            arrays[name] = hexes.take(pa.array(rank & 0xFFFF))
        else:
            arrays[name] = pa.array(rank * 8_796_093_022_207 + 1_000_000_000_000_000_000)
    return pa.table(arrays)


def _jsonl(table: pa.Table, kind: str) -> bytes:
    field = '"{}":"%s"' if kind == "strings" else '"{}":%d'
    line = '{"label":%d,' + ",".join(field.format(name) for name in features()) + "}\n"
    values = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return "".join(line % row for row in values).encode()

"""Text cut into records, each with the byte it begins at and the bytes it is made of (contract/csv.md).

What cannot be cut is a record too, with what was expected: it ends where the line does in which the fault lies, or, if
a quote is never closed, with the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from dlonflink.errors import DataError

MOST_BYTES = 1 << 26
"""A record this long is a quote that nobody closed: there is no telling where the next one begins."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STOP = re.compile(rb"[,\n\r]")


@dataclass(frozen=True)
class Record:
    """`data` is without the line's end. `fields` is None where it is no CSV, and then `expected` says what would be."""

    offset: int
    data: bytes
    fields: list[bytes] | None
    expected: str = ""


def lines(file: IO[bytes]) -> Iterator[Record]:
    """Lines that hold more than white space, with no fields."""
    offset = 0
    for line in file:
        begin, offset = offset, offset + len(line)
        if not line.isspace():
            yield Record(begin, _body(line), None)


def csv_records(file: IO[bytes], place: str) -> Iterator[Record]:
    """Rows of CSV; `place` names the file. Raises DataError for one that has no end within 64 MiB."""
    offset = 0
    for line in file:
        if offset == 0 and line.startswith(_BYTE_ORDER_MARK):
            offset, line = len(_BYTE_ORDER_MARK), line[len(_BYTE_ORDER_MARK) :]  # noqa: PLW2901
        begin, offset = offset, offset + len(line)
        body = _body(line)
        if b'"' in body or b"\r" in body:
            text = bytearray(line)
            fields, expected = _scan(text, file, f"{place}:{begin}")
            offset = begin + len(text)
            yield Record(begin, _body(bytes(text)), fields, expected)
        elif body:
            yield Record(begin, body, body.split(b","))


def _body(line: bytes) -> bytes:
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line.removesuffix(b"\n")


def _scan(text: bytearray, file: IO[bytes], place: str) -> tuple[list[bytes] | None, str]:
    """Fields of the record that begins with the line `text`, which is made longer by the lines that quotes reach into;
    or what was expected.
    """
    fields: list[bytes] = []
    at = 0
    while True:
        if text.startswith(b'"', at):
            end = _closing(text, at + 1, file, place)
            if end < 0:
                return None, "a closing quote"
            fields.append(bytes(text[at + 1 : end]).replace(b'""', b'"'))
            at = end + 1
        else:
            stop = _STOP.search(text, at)
            end = stop.start() if stop else len(text)
            fields.append(bytes(text[at:end]))
            at = end
        rest = bytes(text[at : at + 2])
        if rest in (b"", b"\r\n") or rest.startswith(b"\n"):
            return fields, ""
        if rest.startswith(b"\r"):
            return None, "a LF after a CR, or the field within quotes"
        if not rest.startswith(b","):
            return None, "a comma or the end of the line after a closing quote"
        at += 1


def _closing(text: bytearray, at: int, file: IO[bytes], place: str) -> int:
    """Where the quote is that closes the field, whose text begins at `at`; -1: nowhere, and `text` holds all of it."""
    while True:
        quote = text.find(b'"', at)
        if quote < 0:
            at = len(text)
            if at > MOST_BYTES:
                raise DataError(
                    "the file is not CSV",
                    where=place,
                    expected=f"a row of at most {MOST_BYTES} bytes, with every quote closed",
                    got=bytes(text[:80]).decode(errors="replace"),
                    fix="correct the file: what follows could not be told from it",
                )
            text += file.readline()
            if len(text) == at:
                return -1
        elif text.startswith(b'"', quote + 1):
            at = quote + 2
        else:
            return quote

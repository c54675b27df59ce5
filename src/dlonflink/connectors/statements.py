"""SQL as text: statements, and the secrets that stand in it by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from dlonflink.errors import PipelineError
from dlonflink.settings import Secret, Text

_TOKEN = re.compile(r"'(?:[^']|'')*'|`(?:[^`]|``)*`|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|;", re.DOTALL)


def split(ddl: str) -> list[str]:
    """Statements of a text, cut at semicolons that stand neither in quotes nor in comments; empty ones are left out."""
    return [
        text
        for text in (piece.strip() for piece in _pieces(ddl))
        if re.sub(r"--[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL).strip()
    ]


def _pieces(ddl: str) -> Iterator[str]:
    begin = 0
    for token in _TOKEN.finditer(ddl):
        if token[0] == ";":
            yield ddl[begin : token.start()]
            begin = token.end()
    yield ddl[begin:]


_PLACEHOLDER = re.compile(r"\$?\$\{(\w+)\}")


def fill(statement: str, secrets: Mapping[str, Secret]) -> Text:
    """The statement for a plan: `${NAME}` within quotes becomes a reference to that secret, `$${NAME}` is the text
    `${NAME}`. `check_secrets` has passed both.
    """
    parts: list[str | Secret] = [""]
    begin = 0
    for name, start, end in _placeholders(statement):
        parts[-1] = f"{parts[-1]}{statement[begin:start]}"
        if name is None:
            parts[-1] += statement[start + 1 : end]
        else:
            parts += [secrets[name].placed(), ""]
        begin = end
    parts[-1] = f"{parts[-1]}{statement[begin:]}"
    return tuple(parts) if len(parts) > 1 else str(parts[0])


def check_secrets(ddl: str, secrets: Mapping[str, Secret], where: str) -> None:
    """PipelineError for a name that has no secret, a secret that has no place, and one outside of quotes; `where` is
    the section that holds `ddl` and `secrets`.
    """
    named = {name for name, _, _ in _placeholders(ddl) if name is not None}
    for name in sorted(named - set(secrets)):
        close = difflib.get_close_matches(name, secrets, 1)
        fix = (
            f"did you mean ${{{close[0]}}}?" if close else f"name it under secrets, or write $${{{name}}} for the text"
        )
        raise PipelineError(f"the DDL names a secret {name!r} that is not there", where=f"{where}.ddl", fix=fix)
    for name in sorted(set(secrets) - named):
        close = difflib.get_close_matches(name, named, 1)
        fix = f"did you mean {close[0]!r}?" if close else f"write '${{{name}}}' where it belongs, or leave it out"
        raise PipelineError(f"the DDL does not use the secret {name!r}", where=f"{where}.secrets.{name}", fix=fix)


def _placeholders(statement: str) -> Iterator[tuple[str | None, int, int]]:
    """Name, begin and end of each `${NAME}` within quotes; None for the name of one that is written `$${NAME}`."""
    for token in _TOKEN.finditer(statement):
        if token[0].startswith("'"):
            for match in _PLACEHOLDER.finditer(statement, token.start(), token.end()):
                yield None if match[0].startswith("$$") else match[1], match.start(), match.end()

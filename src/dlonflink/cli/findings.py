"""Findings on a terminal. Needs nothing but Python: what a terminal looks like where a package is missing."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterable

from dlonflink.doctor.finding import Finding

_NAME = 20
_STATES = {"ok": "ok", "warn": "warn", "fail": "FAIL"}


def show(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Prints each as it comes, or all as JSON; the exit code: 1 where one fails, else 0."""
    seen: list[Finding] = []
    for finding in findings:
        seen.append(finding)
        if not as_json:
            print(_lines(finding), flush=True)
    if as_json:
        print(json.dumps([finding.to_json() for finding in seen], indent=2))
        return _code(seen)
    failing = sum(finding.state == "fail" for finding in seen)
    print(f"\n{len(seen)} looked at, {failing} must be mended" if failing else f"\n{len(seen)} looked at: it can run")
    return _code(seen)


def _code(findings: Iterable[Finding]) -> int:
    return int(any(finding.state == "fail" for finding in findings))


def _lines(finding: Finding) -> str:
    """`FAIL  Java          what was found`, then the way out, each wrapped under itself."""
    head = f"{_STATES[finding.state]:<6}{finding.name:<{_NAME}}  "
    lines = _wrapped(head, finding.found)
    if finding.fix:
        lines += _wrapped(" " * 6 + f"{'fix:':>{_NAME}}  ", finding.fix)
    return "\n".join(lines)


def _wrapped(head: str, text: str) -> list[str]:
    width = max(60, shutil.get_terminal_size((120, 24)).columns)
    behind = " " * min(len(head), 6 + _NAME + 2)
    return textwrap.wrap(
        head + text,
        width,
        subsequent_indent=behind,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )

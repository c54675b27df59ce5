"""A job on the terminal: one line an interval, as VW prints, and below them, on a terminal, one that lives."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from dlonflink.cli.figures import elapsed, event_time, share
from dlonflink.cli.target import Target
from dlonflink.connectors.local import read, schema
from dlonflink.errors import PipelineError, SetupError
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.pipeline.plan import absolute
from dlonflink.runtime.base import Job, Progress, Summary
from dlonflink.runtime.run import start

_HEAD = (
    f"{'time':>8}{'rows':>12}{'rows/s':>10}{'log loss':>10}{'window':>8}{'AUC':>8}{'window':>8}{'calibr.':>9}"
    f"{'ckpts':>7}{'version':>9}  event time (UTC)"
)
_EVERY = "1 s"
_QUIET = ("learning", "publishing", "finished")
"""Phases that figures speak for."""
_SILENCE = 4.0
"""Seconds without a line while nothing is learned yet."""


def follow(
    target: Target, *, on: Literal["flink", "local"] | None, fresh: bool, resume: bool | str, summary: Path | None
) -> None:
    """Runs a pipeline to its end, printing. Raises PipelineError at once where `summary` cannot be written."""
    if summary is not None:
        _check_file(summary)
    try:
        with target.places(), start(target.pipeline, on=on, fresh=fresh, resume=resume) as job:
            result = _show(job)
    except KeyboardInterrupt:
        print("stopped")
        raise
    try:
        if summary is not None:
            _write(summary, result)
    finally:  # the figures are on the screen at least
        _conclude(target.pipeline, result)


def _check_file(file: Path) -> None:
    """Now rather than after hours of learning."""
    folder = file.absolute().parent
    try:
        if not folder.is_dir():
            problem = "its directory does not exist"
        elif file.is_dir():
            problem = "it is a directory"
        elif not os.access(file if file.exists() else folder, os.W_OK):
            problem = "no permission to write there"
        else:
            return
    except OSError as error:
        problem = error.strerror or str(error)
    raise PipelineError(
        f"the summary cannot be written: {problem}",
        where="--summary",
        got=str(file),
        fix="name a file in a directory that exists and that you may write to",
    )


def _write(file: Path, result: Summary) -> None:
    try:
        file.write_text(json.dumps(result.to_json(), indent=2) + "\n")
    except OSError as error:
        raise SetupError(
            f"the run is finished, but its summary cannot be written: {error.strerror}",
            where=str(file),
            fix="take it from `summary.json` in the run's directory, below `.dlonflink` or $DLONFLINK_HOME",
        ) from error


def _show(job: Job) -> Summary:
    console = Console(highlight=False, soft_wrap=True)
    live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else nullcontext()
    with live as screen:
        for progress, line in _lines(job):
            if line is not None:
                console.print(line)
            if screen is not None:
                screen.update(Spinner("dots", text=_row(progress) if progress.rows else _phase(progress)))
    return job.wait()


def _lines(job: Job) -> Iterator[tuple[Progress, str | None]]:
    """Every progress, and the line it is worth: every phase; figures after 2, 4, 6, 8, 10 s, then ever more rarely."""
    phase, told = "", (0, None)
    due = silent = 0.0
    for progress in job.progress(every=_EVERY):
        line: str | None = None
        news = (progress.rows, progress.version)
        if progress.rows and (progress.seconds >= due or (progress.phase == "finished" and news != told)):
            line = _row(progress) if told[0] else f"{_HEAD}\n{_row(progress)}"
            told = news
            due = progress.seconds + max(2.0, min(30.0, progress.seconds / 5))
        elif (progress.phase != phase and progress.phase not in _QUIET) or (
            not progress.rows and progress.seconds >= silent
        ):
            line = _phase(progress)
        if line is not None:
            silent = progress.seconds + _SILENCE
        phase = progress.phase
        yield progress, line


def _phase(progress: Progress) -> str:
    # Once, when they are known.
    pages = (progress.web, progress.prometheus) if progress.phase.startswith("submitting") else ()
    return "   ".join([f"{elapsed(progress.seconds):>8}  {progress.phase} ...", *(page for page in pages if page)])


def _row(progress: Progress) -> str:
    total, window = progress.metrics, progress.window
    rate = f"{progress.rows_per_second:,.0f}" if progress.rows_per_second else "-"
    return (
        f"{elapsed(progress.seconds):>8}{progress.rows:>12,}{rate:>10}"
        f"{share(total.get('logloss')):>10}{share(window.get('logloss')):>8}"
        f"{share(total.get('auc')):>8}{share(window.get('auc')):>8}{share(total.get('calibration')):>9}"
        f"{progress.checkpoints:>7}{progress.version or '-':>9}  {event_time(progress.event_time)}"
    )


def _conclude(pipeline: Pipeline, result: Summary) -> None:
    """What came out, where it lies, and what to type next."""
    metrics = result.metrics
    auc = share(metrics["auc"])
    if auc != "-":
        auc += f" (± {metrics['auc_bound'] or 0.0:.6f})"
    pace = f"{result.rows_per_second:,.0f} rows/s with start-up"
    if result.steady_rows_per_second:  # a short run was never warm
        pace += f", {result.steady_rows_per_second:,.0f} once warm"
    lines = [
        "",
        f"{pipeline.name}: {result.rows:,} rows in {result.seconds:.1f} s ({pace})",
        f"  log loss {share(metrics['logloss'])}   AUC {auc}   calibration {share(metrics['calibration'])}",
        f"  checkpoints {result.checkpoints}   restarts {result.restarts}   state {(result.state_digest or '-')[:16]}",
    ]
    if result.rejected:
        lines.insert(2, f"  received {result.received:,} = learned {result.rows:,} + rejected {result.rejected:,}")
    rejects = absolute(pipeline).source.rejects
    if result.rejected and rejects is not None:
        lines.append(f"  {result.rejected:,} bad rows lie in {rejects.place()}")
    if result.version is not None and pipeline.export is not None:
        where = shlex.quote(_relative(pipeline.export.to))
        program = _program()
        row = _example(pipeline)
        lines += [
            f"  version {result.version} lies in {pipeline.export.to}",
            "next:",
            f"  {program} versions {where}",
            f"  echo {shlex.quote(row)} | {program} predict {where}"
            if row
            else f"  {program} predict {where} < rows.jsonl",
        ]
    print("\n".join(lines))


def _program() -> str:
    """This command as it can be typed from here: its name is enough only where the shell finds this one by it."""
    own = Path(sys.argv[0])
    found = shutil.which(own.name)
    if not own.is_file() or (found is not None and Path(found).samefile(own)):
        return "dlonflink"
    return shlex.quote(_relative(str(own.absolute())))


def _relative(place: str) -> str:
    """As it can be typed from here."""
    path = Path(place)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else place


def _example(pipeline: Pipeline) -> str | None:
    """The features of the first row, as JSON, where they can be had without Flink."""
    if schema(pipeline.source) is None:
        return None
    first = next(read(pipeline.source, pipeline.features.columns(), batch_rows=1), None)
    return None if first is None else json.dumps(first.to_pylist()[0], default=str, ensure_ascii=False)

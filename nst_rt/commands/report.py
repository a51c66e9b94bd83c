"""Reports while pictures are painted: results, failures, progress, a summary at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TextIO

from nst_rt.commands.console import Console
from nst_rt.commands.naming import STANDARD
from nst_rt.commands.plan import PaintingJob, PaintingPlan
from nst_rt.commands.progress import terminal_bar
from nst_rt.commands.stdout import Results
from nst_rt.errors import OutputError, UsageError, shown
from nst_rt.images import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from rich.progress import Progress


class Report:
    """Reports each picture once, wherever that was asked for.

    Args:
        plan: the jobs to report.
        console: takes failures and the summary.
        results: takes output paths, or JSON lines.
        as_json: whether standard output is for a program.
        file: takes the JSON lines as well.
    """

    def __init__(
        self,
        plan: PaintingPlan,
        console: Console,
        results: Results,
        *,
        as_json: bool = False,
        file: TextIO | None = None,
    ) -> None:
        self._console, self._results, self._file = console, results, file
        self._as_json, self._total, self._left_out = as_json, plan.total, plan.left_out
        self._counts = {"done": 0, "failed": 0, "skipped": 0}
        self._start = perf_counter()
        self._progress: Progress | None = None
        if self._total > 1 and console.shows_progress:
            self._progress = _progress_bar(self._total)
        terminal = self._progress is not None and results.is_terminal
        self._lists_paths = not (as_json or console.quiet or terminal)

    def done(
        self,
        job: PaintingJob,
        *,
        width: int,
        height: int,
        painted_at: tuple[int, int],
        seconds: float,
    ) -> None:
        """Report a written painting of `width`x`height` pixels, which took `seconds`.

        `painted_at` is the height and width of the working size.
        """
        self._count("done")
        self._record(
            input=job.source,
            output=job.target,
            width=width,
            height=height,
            working_width=painted_at[1],
            working_height=painted_at[0],
            seconds=round(seconds, 4),
        )
        if self._lists_paths and job.target != STANDARD:
            self._results.line(shown(job.target))

    def failed(self, source: str, message: str, code: int) -> None:
        """Report an input that could not be painted."""
        self._count("failed")
        self._console.error(message)
        self._record(input=source, error=message, code=code)

    def skipped(self, job: PaintingJob) -> None:
        """Report a job whose output existed already."""
        self._count("skipped")
        self._record(input=job.source, output=job.target, skipped=True)

    @contextmanager
    def summarized(self) -> Iterator[None]:
        """Show progress while entered, and the summary at the end, even after an error."""
        if self._progress:
            self._progress.start()
        try:
            yield
        finally:
            if self._progress:
                self._progress.stop()
            self._summarize()

    def _summarize(self) -> None:
        left = self._total - sum(self._counts.values())
        counts = {**self._counts, "left": left}
        seconds = round(perf_counter() - self._start, 4)
        self._record(**counts, left_out=self._left_out, seconds=seconds)
        if self._total > 1 or self._counts["skipped"] or self._left_out:
            named = [f"{number:,} {name}" for name, number in counts.items() if number]
            if self._left_out:
                named.append(f"{self._left_out:,} earlier paintings left out")
            self._console.note(", ".join(named))

    def _count(self, kind: str) -> None:
        self._counts[kind] += 1
        if self._progress:
            self._progress.advance(self._progress.task_ids[0])

    def _record(self, **facts: Any) -> None:
        if self._as_json:
            self._results.json(facts)
        if self._file:
            self._file.write(json.dumps(facts) + "\n")


@contextmanager
def report_file(path: Path | None) -> Iterator[TextIO | None]:
    """Open the file of `--report`, which can be read while it grows.

    Raises:
        UsageError: it has the name of a picture.
        OutputError: it cannot be written.
    """
    if path is None:
        yield None
        return
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise UsageError("is a picture's name", path=path, cure="name the --report like x.jsonl")
    if str(path) == STANDARD:
        raise UsageError("--report writes a file", cure="for standard output give --json")
    try:
        file = path.open("w", encoding="ascii", buffering=1)
    except OSError as error:
        raise OutputError.from_error(error, path) from error
    with file:
        yield file


def _progress_bar(total: int) -> Progress:
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    bar = terminal_bar(MofNCompleteColumn(), TimeRemainingColumn())
    bar.add_task("", total=total)
    return bar

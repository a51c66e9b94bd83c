"""Progress and result of a conversion on the command line."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

from nst_rt.commands.console import PROGRAM, Console
from nst_rt.commands.naming import STANDARD
from nst_rt.commands.progress import terminal_bar
from nst_rt.commands.stdout import Results
from nst_rt.errors import ModelError, OutputError, ProviderError, shown
from nst_rt.video.converted import Converted, Progress
from nst_rt.video.job import is_unfinished
from nst_rt.video.opening import is_video_file


@contextmanager
def hint_at_resuming(console: Console, target: str) -> Iterator[None]:
    """Print the command that resumes the conversion if something stops it."""
    try:
        yield
    except (KeyboardInterrupt, OutputError, ProviderError, ModelError):
        if is_video_file(target) and is_unfinished(Path(target)):
            again = [word for word in sys.argv[1:] if word not in ("--resume", "--overwrite")]
            console.note(f"resume with: {PROGRAM} {shlex.join([*again, '--resume'])}")
        raise


@contextmanager
def shown_progress(
    console: Console, results: Results, target: str, *, as_json: bool
) -> Iterator[Progress | None]:
    """Show a bar with frames per second on a terminal; print a JSON line a second if asked."""
    if as_json:
        yield _json_lines(results, target)
        return
    if not console.shows_progress:
        yield None
        return
    from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (MofNCompleteColumn(), TextColumn("{task.fields[fps]}"), TimeRemainingColumn())
    with terminal_bar(*columns) as bar:
        task = bar.add_task("", total=None, fps="")
        first: list[tuple[int, float]] = []

        def progress(done: int, total: int | None) -> None:
            if not first:
                first.append((done, perf_counter()))
            seconds = perf_counter() - first[0][1]
            fps = f"{(done - first[0][0]) / seconds:.1f} fps" if seconds > 0 else ""
            bar.update(task, completed=done, total=total, fps=fps)

        yield progress


def _json_lines(results: Results, target: str) -> Progress:
    begun = last = perf_counter()

    def progress(done: int, total: int | None) -> None:
        nonlocal last
        now = perf_counter()
        if now - last >= 1:
            last = now
            seconds = round(now - begun, 3)
            results.json({"output": target, "frames": done, "of": total, "seconds": seconds})

    return progress


def report_result(
    done: Converted, console: Console, results: Results, *, as_json: bool, profile: bool
) -> None:
    """Report the finished conversion, and with `profile` the time spent in each stage."""
    if as_json:
        facts = {**asdict(done), "fps": round(done.rate, 2)}
        if not profile:
            del facts["profile"]
        results.json({**facts, "done": True})
        return
    for stage in done.profile if profile else ():
        console.note(
            f"{stage.name:>7}: {stage.items} frames, {stage.busy:.2f} s at work on "
            f"{stage.workers} threads, {stage.starved:.2f} s without a frame, "
            f"{stage.blocked:.2f} s without room, {stage.mean_depth:.1f} waiting after it"
        )
    encoder = f" ({done.encoder})" if done.encoder else ""
    console.note(
        f"{done.frames} frames of {done.width}x{done.height}{encoder}, {done.painted} painted in "
        f"{done.seconds:.1f} s, {done.rate:.1f} per second"
    )
    if done.output != STANDARD and not (console.quiet or results.is_terminal):
        results.line(shown(done.output))

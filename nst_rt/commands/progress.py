"""A progress bar on standard error, of a share of the work and the name of what is at work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from rich.progress import Progress

Told = TypeVar("Told")


class Bar:
    """Shown where somebody sees it."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=1.0) if bar else None

    def __call__(self, share: float, phase: str) -> None:
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=share, description=phase)

    def beside(self, tell: Callable[[Told], object]) -> Callable[[Told], None]:
        """`tell`, which writes to the same terminal, with the bar out of its way."""

        def aside(told: Told) -> None:
            if self._bar:
                self._bar.stop()
            tell(told)
            if self._bar:
                self._bar.start()

        return aside


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """Show a bar while entered, on a terminal that was not asked to be quiet."""
    console = click.get_current_context().obj
    if console.quiet or sys.stderr is None or not sys.stderr.isatty():
        yield Bar(None)
        return
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    terminal = Terminal(stderr=True)
    with Progress(*columns, console=terminal, transient=True, redirect_stdout=False) as bar:
        yield Bar(bar)

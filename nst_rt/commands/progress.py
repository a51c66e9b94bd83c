"""Progress bars on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

Item = TypeVar("Item")


def terminal_bar(*columns: ProgressColumn) -> Progress:
    """Return a bar with `columns` beside it; it vanishes at its end and lets results through."""
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, Progress

    terminal = Terminal(stderr=True)
    return Progress(BarColumn(), *columns, console=terminal, transient=True, redirect_stdout=False)


class Bar:
    """A bar, if shown, of the share of the work that is done and the phase that it is in."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=1.0) if bar else None

    def __call__(self, share: float, phase: str) -> None:
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=share, description=phase)

    def beside(self, report: Callable[[Item], object]) -> Callable[[Item], None]:
        """Return `report`, which writes to the same terminal, with the bar out of its way."""

        def report_without_bar(item: Item) -> None:
            if self._bar:
                self._bar.stop()
            report(item)
            if self._bar:
                self._bar.start()

        return report_without_bar


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """Show a bar while entered, on a terminal and unless quiet."""
    if not click.get_current_context().obj.shows_progress:
        yield Bar(None)
        return
    from rich.progress import TaskProgressColumn, TextColumn

    with terminal_bar(TaskProgressColumn(), TextColumn("{task.description}")) as bar:
        yield Bar(bar)

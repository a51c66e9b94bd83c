"""Locks between processes. The system gives them back when a process ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nst_rt.atomic import hidden_beside
from nst_rt.errors import OutputError, UsageError

_SUFFIX = ".nst-rt-lock"


def lock(target: Path, file: Path, owner: Callable[[], str]) -> Any:
    """Take the lock of an output: one process for each, a second one is refused.

    Args:
        target: the output, for messages.
        file: the lock.
        owner: names who holds it.

    Raises:
        UsageError: another process holds it.
        OutputError: its folder cannot be made or written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return _taken(file, 0)
    except TimeoutError as error:
        raise UsageError(
            f"is being written by {owner()}", path=target, cure="wait, or stop that"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=file.parent) from error


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of an output that has no job; errors are those of `lock`."""
    file = hidden_beside(target, _SUFFIX)
    held = lock(target, file, lambda: "another process")
    try:
        yield
    finally:
        held.release()
        with suppress(OSError):
            file.unlink()


@contextmanager
def turn(file: Path, patience_s: float, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock, after whoever has it now.

    Args:
        file: the lock, which stays there; its folder exists.
        patience_s: how long to wait.
        waiting: called once if there is somebody to wait for.

    Raises:
        TimeoutError: it was held all that time.
        OSError: it cannot be made.
    """
    try:
        held = _taken(file, 0)
    except TimeoutError:
        waiting()
        held = _taken(file, patience_s)
    try:
        yield
    finally:
        held.release()


def _taken(file: Path, patience_s: float) -> Any:
    from filelock import FileLock

    held = FileLock(file)
    held.acquire(timeout=patience_s, poll_interval=0.2)
    return held

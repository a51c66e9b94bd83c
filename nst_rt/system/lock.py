"""Locks between processes. The system releases them when a process ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nst_rt.errors import OutputError, UsageError
from nst_rt.system.atomic import hidden_beside

_SUFFIX = ".nst-rt-lock"
_POLL_S = 0.2


def lock(target: Path, file: Path, owner: Callable[[], str]) -> Any:
    """Take the lock of an output, or refuse to: only one process at a time may write it.

    Args:
        target: the output, for messages.
        file: the lock.
        owner: names the process that holds it.

    Returns:
        The lock, which has `release`.

    Raises:
        UsageError: another process holds it.
        OutputError: its folder cannot be made or written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return _acquire(file, timeout_s=0)
    except TimeoutError as error:
        raise UsageError(
            f"is being written by {owner()}", path=target, cure="wait, or stop that"
        ) from error
    except OSError as error:
        raise OutputError.from_error(error, file.parent) from error


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
def wait_for_lock(file: Path, timeout_s: float, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock, once the process that holds it has released it.

    Args:
        file: the lock, which is not deleted; its folder exists.
        timeout_s: longest wait.
        on_wait: called once if another process holds it.

    Raises:
        TimeoutError: it was held all that time.
        OSError: it cannot be made.
    """
    try:
        held = _acquire(file, timeout_s=0)
    except TimeoutError:
        on_wait()
        held = _acquire(file, timeout_s)
    try:
        yield
    finally:
        held.release()


def _acquire(file: Path, timeout_s: float) -> Any:
    from filelock import FileLock

    held = FileLock(file)
    held.acquire(timeout=timeout_s, poll_interval=_POLL_S)
    return held

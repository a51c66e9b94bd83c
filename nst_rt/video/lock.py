"""One process for each output: a second one is refused, a dead one's lock is nobody's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nst_rt.atomic import MAX_NAME
from nst_rt.errors import OutputError, UsageError

_SUFFIX = ".nst-rt-lock"


def lock(target: Path, file: Path, owner: Callable[[], str]) -> Any:
    """Take the lock of an output, which the system gives back when this process ends.

    Args:
        target: the output, for messages.
        file: the lock.
        owner: names who holds it.

    Raises:
        UsageError: another process holds it.
        OutputError: its folder cannot be made or written.
    """
    from filelock import FileLock, Timeout

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(file)
        held.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"is being written by {owner()}", path=target, cure="wait, or stop that"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=file.parent) from error
    return held


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of an output that has no job; errors are those of `lock`."""
    name = os.fsdecode(os.fsencode(target.name)[: MAX_NAME - len(_SUFFIX) - 1])
    file = target.with_name(f".{name}{_SUFFIX}")
    held = lock(target, file, lambda: "another process")
    try:
        yield
    finally:
        held.release()
        with suppress(OSError):
            file.unlink()

"""Which files of the cache to delete, so that its folders do not grow without end."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def mark_used(file: Path) -> None:
    """Make a file the one that was used last, if it exists and may be changed."""
    with suppress(OSError):
        os.utime(file)


def least_used(files: Iterable[Path], keep: int) -> list[Path]:
    """Return all but the `keep` files that were used or written last.

    One that another process deletes meanwhile is left out.
    """
    times = []
    for file in files:
        with suppress(OSError):
            times.append((file.stat().st_mtime_ns, file))
    return [file for _, file in sorted(times)[:-keep]]


def delete_least_used(files: Iterable[Path], keep: int) -> None:
    """Delete all but the `keep` files that were used or written last, as far as possible."""
    for file in least_used(files, keep):
        with suppress(OSError):
            file.unlink()

"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

MAX_NAME = 255
"""Longest file name in bytes on the usual file systems."""


def part_of(target: Path) -> Path:
    """The hidden name beside `target` under which this process writes it."""
    suffix = f".part-{os.getpid()}"
    stem = os.fsencode(target.name)[: MAX_NAME - len(suffix) - 1]
    return target.with_name(f".{os.fsdecode(stem)}{suffix}")


def replace_file(target: Path, data: bytes) -> None:
    """Write beside the final name, flush to disk, rename.

    Raises:
        OSError: as it came; an old file is intact and nothing half-written is left.
    """
    part = part_of(target)
    with part.open("wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

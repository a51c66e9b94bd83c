"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

MAX_NAME = 255
"""Longest file name in bytes on the usual file systems."""


def part_of(target: Path) -> Path:
    """The hidden name beside `target` under which this thread of this process writes it."""
    suffix = f".part-{os.getpid()}-{threading.get_native_id()}"
    stem = os.fsencode(target.name)[: MAX_NAME - len(suffix) - 1]
    return target.with_name(f".{os.fsdecode(stem)}{suffix}")


def replace_file(target: Path, data: bytes) -> None:
    """Write beside the final name, flush to disk, rename.

    Raises:
        OSError: as it came; an old file is intact and nothing half-written is left.
    """
    part = part_of(target)
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)  # after closing: Windows moves no open file
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def remove_stale_parts(folder: Path) -> None:
    """Delete what processes that are gone left half-written in `folder`, if it is there."""
    if os.name == "nt":  # os.kill would end the process that it is asked about
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _PART.fullmatch(entry.name)
            if found and entry.is_file(follow_symlinks=False) and not _lives(int(found[1])):
                Path(entry.path).unlink(missing_ok=True)


_PART = re.compile(r"\..+\.part-(\d{1,9})(-\d+)?", re.DOTALL)


def _lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

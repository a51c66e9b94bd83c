"""Writing a file completely or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MAX_NAME = 255
"""Longest file name in bytes on the usual file systems."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a write that found no room: on the disk, in a quota, or for one file."""


def hidden_beside(target: Path, suffix: str) -> Path:
    """Return the path beside `target` whose name is a dot, its name and a suffix of ASCII.

    A name that would be too long is cut short before the suffix.
    """
    name = os.fsencode(target.name)[: MAX_NAME - len(suffix) - 1]
    return target.with_name(f".{os.fsdecode(name)}{suffix}")


def is_replaceable(target: Path) -> bool:
    """Return whether a file may take this name: a pipe, a device and a folder keep it."""
    try:
        mode = target.lstat().st_mode
    except OSError:  # nothing is there, or writing says why it cannot be
        return True
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def part_of(target: Path) -> Path:
    """Return the hidden path beside `target` at which this thread of this process writes it."""
    return hidden_beside(target, f".part-{os.getpid()}-{threading.get_native_id()}")


def move_into_place(part: Path, target: Path) -> None:
    """Flush a complete and closed file to disk, then rename it.

    Raises:
        OSError: as it came; an old file is intact.
    """
    with part.open("rb+") as file:  # Windows flushes no file that is open for reading alone
        os.fsync(file.fileno())
    part.replace(target)  # after closing: Windows moves no open file


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give the path at which to write a file that replaces `target` if no error leaves the block.

    Raises:
        OSError: as it came; after this or any other error an old file is intact and nothing
            half-written is left.
    """
    part = part_of(target)
    try:
        yield part
        move_into_place(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def replace_file(target: Path, data: bytes) -> None:
    """Write a file beside its final name, flush it to disk and rename it.

    Raises:
        OSError: as `replacing`.
    """
    with replacing(target) as part:
        part.write_bytes(data)


def remove_stale_parts(folder: Path) -> None:
    """Delete what processes that have ended left half-written in `folder`, if it exists."""
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

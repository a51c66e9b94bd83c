"""Folders and files of this user alone: what others can write may be their work."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_private(folder: Path) -> None:
    """Make a folder that others can neither read nor write, if it is not there; not its parents.

    Raises:
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)


def shut(file: Path) -> None:
    """Take from others the right to read or write a file, which programs give as they please.

    Raises:
        OSError: it is not ours, or gone.
    """
    file.chmod(0o600)


def stranger(path: Path) -> str:
    """Why what lies at `path` may be somebody else's work; empty where it is ours.

    What the system's administrator owns counts as ours. Where files have no such owners (Windows)
    the user's own folders are closed by their access lists, which are not read here.

    Raises:
        OSError: there is nothing, or it may not be looked at.
    """
    if sys.platform == "win32":
        return ""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return "is a link"
    if found.st_uid not in (os.geteuid(), 0):
        return f"belongs to another user ({found.st_uid})"
    if found.st_mode & _OTHERS_WRITE:
        return f"can be written by others (mode {stat.S_IMODE(found.st_mode):03o})"
    return ""

"""Folders and files of this user alone: what others can write may be their work."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from nst_rt.errors import OutputError

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def private_folder(folder: Path) -> None:
    """Make a folder that others can neither read nor write, and its parents, if it is absent.

    Raises:
        OutputError: it exists, and others may have put something there.
        OSError: it cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if reason := why_untrusted(folder):
        raise OutputError(reason, path=folder)


def restrict_to_owner(file: Path) -> None:
    """Take from others the right to read or write a file, whatever the program that made it gave.

    Raises:
        OSError: it is not ours, or gone.
    """
    file.chmod(0o600)


def why_untrusted(path: Path) -> str:
    """Return why the file or folder may be somebody else's work; empty where it is ours.

    What the system's administrator owns counts as ours. Where files have no such owners (Windows)
    access lists close the user's own folders; they are not read here.

    Raises:
        OSError: it is absent, or cannot be looked at.
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

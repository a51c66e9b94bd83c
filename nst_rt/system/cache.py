"""The folders of files that nst-rt can make again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "NST_RT_CACHE"


def cache_folder() -> Path:
    """Return the folder that `NST_RT_CACHE` names, or one of the user's caches; it may not exist.

    Raises:
        RuntimeError: the variable is not set and the user has no home.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given)
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "nst-rt"
    if sys.platform == "darwin":
        return home / "Library/Caches/nst-rt"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "nst-rt"


def engines_folder() -> Path:
    """Return the folder of engines and notes on them, for this user alone: engines are code.

    Raises:
        RuntimeError: as `cache_folder`.
    """
    return cache_folder() / "engines"

"""Where nst-rt keeps what can be made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "NST_RT_CACHE"


def cache_folder() -> Path:
    """The folder that `NST_RT_CACHE` names, or one of the user's caches; it may not be there yet.

    Raises:
        RuntimeError: there is no such variable and the user has no home.
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
    """Where engines' own things are kept: for this user alone, since engines are code.

    Raises:
        RuntimeError: as `cache_folder`.
    """
    return cache_folder() / "engines"

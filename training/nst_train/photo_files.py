"""Which files of a folder are photos. Told without torch, so that a wrong folder costs no time."""

from __future__ import annotations

import os
from pathlib import Path

from nst_rt.errors import UsageError
from nst_rt.images import PICTURE_SUFFIXES


def find_photos(folder: Path) -> list[Path]:
    """Every picture file below `folder`, sorted.

    Raises:
        UsageError: no such folder, it cannot be read, or no photos in it.
    """
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        raise UsageError(
            f"not a readable folder of photos ({error.strerror})", path=folder
        ) from error
    found = folder.rglob("*")
    files = sorted(f for f in found if f.suffix.lower() in PICTURE_SUFFIXES and f.is_file())
    if not files:
        kinds = ", ".join(sorted(PICTURE_SUFFIXES))
        raise UsageError("holds no photos", path=folder, cure=f"expected files ending in {kinds}")
    return files

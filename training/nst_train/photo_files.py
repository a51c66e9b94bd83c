"""Photos in a folder, found without torch so that a wrong folder costs no time."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from nst_rt import zoo
from nst_rt.errors import UsageError
from nst_rt.images import PICTURE_SUFFIXES

logger = logging.getLogger(__name__)


def find_photos(folder: Path) -> list[Path]:
    """Return every picture file below `folder`, sorted.

    Paintings that lie beside their photos, `photo-STYLE.jpg` of a shipped style, are left out: a
    network that learns from them learns to leave them as they are.

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
    photos = _without_paintings(files)
    if len(photos) < len(files):
        logger.warning(
            "%s: %d paintings beside their photos are left out", folder, len(files) - len(photos)
        )
    if not photos:
        kinds = ", ".join(sorted(PICTURE_SUFFIXES))
        raise UsageError("holds no photos", path=folder, cure=f"expected files ending in {kinds}")
    return photos


def _without_paintings(files: Iterable[Path]) -> list[Path]:
    stems: dict[Path, set[str]] = defaultdict(set)
    for file in files:
        stems[file.parent].add(file.stem)
    endings = [f"-{card.name}" for card in zoo.cards()]

    def is_painting(file: Path) -> bool:
        return any(
            file.stem.endswith(ending) and file.stem.removesuffix(ending) in stems[file.parent]
            for ending in endings
        )

    return [file for file in files if not is_painting(file)]

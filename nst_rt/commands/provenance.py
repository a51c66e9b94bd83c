"""What the paintings of a folder were made from, so that `--skip-existing` skips no stale ones.

A hidden file in each output folder has a line of JSON for every painting. Lines are only added, at
once and whole, so that several runs may write into one folder; the last line of a painting counts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from nst_rt.commands.plan import PaintingJob

RECORD = ".nst-rt.jsonl"


class Provenance:
    """Knows which outputs are paintings of another photo or by another recipe, and notes new ones.

    Args:
        recipe: gives all but the photo that decides what a painting looks like, JSON-ready; asked
            when it is first needed.
    """

    def __init__(self, recipe: Callable[[], Mapping[str, Any]]) -> None:
        self._get_recipe = recipe
        self._folders: dict[Path, dict[str, dict[str, Any]]] = {}

    @cached_property
    def _recipe(self) -> str:
        text = json.dumps(self._get_recipe(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def is_stale(self, job: PaintingJob) -> bool:
        """Whether the output is known to be made otherwise than from this input, by this recipe."""
        target = Path(job.target)
        if target.parent not in self._folders:
            self._folders[target.parent] = _noted_in(target.parent)
        noted = self._folders[target.parent].get(target.name)
        if noted is None:
            return False
        if noted.get("recipe") != self._recipe:
            return True
        with suppress(OSError):
            status = Path(job.source).stat()
            if noted.get("bytes") != status.st_size:
                return True
            if noted.get("mtime_ns") != status.st_mtime_ns:  # perhaps it was only copied
                return bool(noted.get("sha256") != _hash(job.source))
        return False

    def note(self, job: PaintingJob) -> None:
        """Remember what a painting in its place was made from, where that can be written."""
        target = Path(job.target)
        with suppress(OSError):
            status = Path(job.source).stat()
            line = {
                "painting": target.name,
                "recipe": self._recipe,
                "bytes": status.st_size,
                "mtime_ns": status.st_mtime_ns,
                "sha256": _hash(job.source),
            }
            how = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            record = os.open(target.with_name(RECORD), how, 0o666)
            try:
                os.write(record, json.dumps(line).encode() + b"\n")
            finally:
                os.close(record)


def _noted_in(folder: Path) -> dict[str, dict[str, Any]]:
    """The last line of every painting; lines that are none are passed over."""
    noted: dict[str, dict[str, Any]] = {}
    with suppress(OSError), (folder / RECORD).open(encoding="utf-8", errors="replace") as file:
        for text in file:
            with suppress(ValueError, TypeError, KeyError):
                line = json.loads(text)
                noted[str(line["painting"])] = dict(line)
    return noted


def _hash(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Records of what the paintings of a folder were made from: `--skip-existing` skips no stale ones.

A hidden file in each output folder has a line of JSON for every painting. Lines are only added,
each by one write, so that several runs may share a folder; the last line of a painting counts.
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
    """Finds outputs that were painted from another photo or by another recipe; records new ones.

    Args:
        recipe: returns everything but the photo that decides the look of a painting, for JSON;
            called when it is first needed.
    """

    def __init__(self, recipe: Callable[[], Mapping[str, Any]]) -> None:
        self._get_recipe = recipe
        self._folders: dict[Path, dict[str, dict[str, Any]]] = {}

    @cached_property
    def _recipe(self) -> str:
        text = json.dumps(self._get_recipe(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def is_stale(self, job: PaintingJob) -> bool:
        """Return whether an output is known to come from another input or by another recipe."""
        target = Path(job.target)
        if target.parent not in self._folders:
            self._folders[target.parent] = _recorded_in(target.parent)
        recorded = self._folders[target.parent].get(target.name)
        if recorded is None:
            return False
        if recorded.get("recipe") != self._recipe:
            return True
        with suppress(OSError):
            status = Path(job.source).stat()
            if recorded.get("bytes") != status.st_size:
                return True
            if recorded.get("mtime_ns") != status.st_mtime_ns:  # perhaps it was only copied
                return bool(recorded.get("sha256") != _hash(job.source))
        return False

    def record(self, job: PaintingJob) -> None:
        """Record what a written painting was made from, if the folder can be written into."""
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
            file = os.open(target.with_name(RECORD), how, 0o666)
            try:
                os.write(file, json.dumps(line).encode() + b"\n")
            finally:
                os.close(file)


def _recorded_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the last line of every painting; damaged lines are skipped."""
    recorded: dict[str, dict[str, Any]] = {}
    with suppress(OSError), (folder / RECORD).open(encoding="utf-8", errors="replace") as file:
        for text in file:
            with suppress(ValueError, TypeError, KeyError):
                line = json.loads(text)
                recorded[str(line["painting"])] = dict(line)
    return recorded


def _hash(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

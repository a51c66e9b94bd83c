"""Jobs: conversions that can be stopped at any time and resumed.

A hidden folder beside the output contains the finished parts of the video, each with a note of its
contents, and a job file that records what they were made from. It is removed with the job's end.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nst_rt.errors import UsageError
from nst_rt.system.atomic import hidden_beside, move_into_place, replace_file
from nst_rt.system.lock import lock
from nst_rt.video.encoding import ChosenEncoder

_SUFFIX = ".nst-rt-job"
_FILES = {"sha256": "the style", "steady_sha256": "the steady file", "source": "the source"}
"""Facts of an identity that are hashes of files."""


@dataclass(frozen=True)
class Part:
    """A finished part of the video.

    Attributes:
        path: the file.
        frames: number of its frames.
        start: time of the first frame in the finished video, in seconds.
        state: state of the painter after the last frame.
    """

    path: Path
    frames: int
    start: Fraction
    state: Any


class ConversionJob:
    """The folder of one conversion; while entered, no other process may write the same output.

    Args:
        target: the output.
        identity: everything that decides what the output looks like.
        resume: continue after the existing parts.
        overwrite: discard the existing parts.

    Raises:
        UsageError: another process writes the output, there is an unfinished job and neither
            `resume` nor `overwrite`, or the job has another identity.
        OutputError: the folder cannot be created.
    """

    def __init__(
        self,
        target: Path,
        identity: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.target = target
        self.folder = _folder(target)
        self._identity = json.loads(json.dumps(identity))
        self._resume, self._overwrite = resume, overwrite
        self.parts: list[Part] = []

    @property
    def frames(self) -> int:
        """Number of frames in the finished parts."""
        return sum(part.frames for part in self.parts)

    def __enter__(self) -> Self:
        self._lock = lock(self.target, self.folder / "lock", self._owner)
        try:
            self._settle()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()
        if not self.parts:
            shutil.rmtree(self.folder, ignore_errors=True)

    def path_of_next(self, encoder: ChosenEncoder) -> Path:
        """Return the path of the next part until it is complete, unique to this attempt."""
        name = f"{len(self.parts):05d}.{os.getpid()}{encoder.segment_suffix}"
        return self.folder / f"unfinished-{name}"

    def add(self, unfinished: Path, frames: int, start: Fraction, state: Any) -> None:
        """Give a complete and closed part its final name and its note."""
        path = self.folder / f"{len(self.parts):05d}{unfinished.suffix}"
        move_into_place(unfinished, path)
        note = {"frames": frames, "start": str(start), "state": state}
        replace_file(path.with_suffix(".json"), json.dumps(note).encode())
        self.parts.append(Part(path, frames, start, state))

    def discard(self) -> None:
        """Drop the parts, since the output is complete."""
        self.parts = []

    def _settle(self) -> None:
        """Read the existing parts, or begin without any."""
        file = self.folder / "job.json"
        if file.exists() and not self._overwrite:
            if not self._resume:
                raise UsageError(
                    "there is an unfinished job",
                    path=self.target,
                    cure="continue with resume=True (--resume), or restart with overwrite=True "
                    "(--overwrite)",
                )
            self._check(_read(file))
            self._read_parts()
            return
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink()
        self._write_identity()

    def _write_identity(self) -> None:
        facts = {"owner": os.getpid(), **self._identity}
        replace_file(self.folder / "job.json", json.dumps(facts, indent=1).encode())

    def _check(self, before: dict[str, Any]) -> None:
        before.pop("owner", None)
        differing = list(_differences(before, self._identity))
        if differing:
            raise UsageError(
                f"cannot be resumed: {'; '.join(differing)}",
                path=self.target,
                cure="use the same as before, or restart with overwrite=True (--overwrite)",
            )
        self._write_identity()

    def _read_parts(self) -> None:
        notes = sorted(self.folder.glob("[0-9]*.json"))
        for index, note in enumerate(notes):
            facts = _read(note)
            files = [path for path in self.folder.glob(f"{note.stem}.*") if path != note]
            if int(note.stem) != index or len(files) != 1:
                break
            self.parts.append(
                Part(files[0], facts["frames"], Fraction(facts["start"]), facts["state"])
            )
        kept = {part.path.stem for part in self.parts}
        for path in self.folder.iterdir():
            if path.stem not in kept and path.name not in ("lock", "job.json"):
                path.unlink()

    def _owner(self) -> str:
        with suppress(OSError, ValueError, KeyError):
            return f"process {json.loads((self.folder / 'job.json').read_bytes())['owner']}"
        return "another process"


def is_unfinished(target: Path) -> bool:
    """Return whether there is an unfinished job of this output."""
    return any(_folder(target).glob("[0-9]*.json"))


def _differences(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """Describe each fact that differs between two identities."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differences(before.get(key), now.get(key), key)
    elif before != now:
        if name in _FILES:
            yield f"{_FILES[name]} is another file"
        else:
            yield f"{name} was {_short(before)} and is {_short(now)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _folder(target: Path) -> Path:
    return hidden_beside(target, _SUFFIX)


def _read(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            "the job's notes are damaged",
            path=path,
            cure="restart with overwrite=True (--overwrite)",
        ) from error
    return facts

"""Search for pictures: files, folders with all below them, patterns that no shell expanded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from nst_rt.errors import InputError
from nst_rt.images import FOUND_SUFFIXES


class Found(NamedTuple):
    """A picture: its path, and its place in the tree that the output folder mirrors."""

    path: str
    place: str


class Search:
    """Finds pictures by their names.

    Args:
        avoid: the folder that the paintings go into, which is not searched.
        paintings: returns the names of a folder's pictures that are paintings of others among them,
            given the folder and all names; these are not painted again.

    Attributes:
        left_out: number of such paintings.
    """

    def __init__(
        self,
        *,
        avoid: str | None = None,
        paintings: Callable[[Path, Iterable[str]], set[str]] = lambda folder, names: set(),
    ) -> None:
        self._avoid = Path(avoid).stat() if avoid is not None and is_folder(avoid) else None
        self._paintings = paintings
        self.left_out = 0

    def find(self, argument: str) -> Iterator[Found | InputError]:
        """Yield the pictures of one argument in a fixed order, and an error for what has none."""
        if is_folder(argument):
            found = self._walk(Path(argument), PurePath())
        elif os.path.lexists(argument):
            yield Found(argument, PurePath(argument).name)
            return
        elif is_pattern(argument):
            found = self._matches(argument)
        else:
            yield InputError("no such file or folder", path=argument or "''")
            return
        empty = True
        for one in found:
            empty = False
            yield one
        if empty:
            yield InputError("no pictures there", path=argument)

    def _walk(self, root: Path, place: PurePath) -> Iterator[Found | InputError]:
        """Search `place` below `root`. Linked folders are not followed, so there is no loop."""
        waiting = [place]
        while waiting:
            place = waiting.pop()
            folder = root / place
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                yield InputError(f"cannot be searched ({error.strerror})", path=folder)
                continue
            for name in self._pictures(folder, entries):
                yield Found(str(folder / name), str(place / name))
            waiting += [place / entry.name for entry in reversed(entries) if self._enters(entry)]

    def _pictures(self, folder: Path, entries: list[os.DirEntry[str]]) -> list[str]:
        names = [entry.name for entry in entries if _is_picture(entry)]
        paintings = self._paintings(folder, names)
        self.left_out += len(paintings)
        return [name for name in names if name not in paintings]

    def _enters(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_dir(follow_symlinks=False):
            return False
        return self._avoid is None or not os.path.samestat(
            entry.stat(follow_symlinks=False), self._avoid
        )

    def _matches(self, pattern: str) -> Iterator[Found | InputError]:
        """Expand a pattern; the tree below its first wildcard is mirrored."""
        root, rest = _split_pattern(pattern)
        try:
            places = sorted(path.relative_to(root) for path in root.glob(str(rest)))
        except (ValueError, OSError, NotImplementedError) as error:
            yield InputError(f"cannot be expanded ({error})", path=pattern)
            return
        for place in places:
            if _is_hidden(place) and not _is_hidden(rest):
                continue
            if not is_folder(root / place):
                if is_picture_name(place.name) and not pattern.endswith("/"):
                    yield Found(str(root / place), str(place))
            elif "**" not in rest.parts:  # which matches the pictures in folders itself
                yield from self._walk(root, place)


def is_folder(path: str | Path) -> bool:
    """Return whether a path is a folder that can be looked up."""
    try:
        return path != "" and Path(path).is_dir()
    except OSError:
        return False


def is_pattern(argument: str) -> bool:
    """Return whether an argument is a pattern and names no file."""
    return any(char in argument for char in "*?[") and not os.path.lexists(argument)


def is_picture_name(name: str) -> bool:
    """Return whether a search takes a file of this name; macOS keeps "._x" beside a file x."""
    return PurePath(name).suffix.lower() in FOUND_SUFFIXES and not name.startswith("._")


def _is_picture(entry: os.DirEntry[str]) -> bool:
    if not is_picture_name(entry.name):
        return False
    if entry.is_symlink():  # a dangling one is reported when it is read
        return not is_folder(entry.path)
    return entry.is_file(follow_symlinks=False)


def _is_hidden(place: PurePath) -> bool:
    return any(part.startswith(".") for part in place.parts)


def _split_pattern(pattern: str) -> tuple[Path, PurePath]:
    """Return the folder before the first wildcard, and the pattern below it."""
    parts = PurePath(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if any(c in part for c in "*?["))
    rest = PurePath(*parts[fixed:])
    # by itself the last ** means folders only
    return Path(*parts[:fixed]), rest / "*" if rest.name == "**" else rest

"""Names of paintings, and the places that OUT gives them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from nst_rt.commands.search import Found, is_folder, is_pattern
from nst_rt.errors import OutputError, UsageError
from nst_rt.images import format_of
from nst_rt.model import style_name
from nst_rt.system.atomic import MAX_NAME

STANDARD = "-"
"""Name of standard input among IN, and of standard output as OUT."""


@dataclass(frozen=True)
class Naming:
    """The rule that gives every picture the path of its painting.

    Attributes:
        style: part of the name of a painting beside its photo.
        file: path of the only painting, or "-".
        folder: folder that mirrors the tree that was searched.
        in_place: whether the painting replaces the photo.
        keep_ext: whether the photo's suffix stays in the name if the format changes.
    """

    style: str
    file: str | None = None
    folder: str | None = None
    in_place: bool = False
    keep_ext: bool = False

    def target(self, found: Found) -> str:
        """Return the path of a picture's painting, or "-"."""
        if self.file is not None:
            return self.file
        if self.folder is not None:
            place = PurePath(found.place)
            return str(PurePath(self.folder, place.with_name(self._named(place.name, ""))))
        if self.in_place:
            return os.path.realpath(found.path)
        path = PurePath(found.path)
        return str(path.with_name(self.beside(path.name)))

    def beside(self, name: str) -> str:
        """Return `photo-STYLE.jpg` for `photo.jpg`."""
        return self._named(name, f"-{self.style}")

    def _named(self, name: str, addition: str) -> str:
        suffix, stem = PurePath(name).suffix, PurePath(name).stem
        if not has_format(name):
            stem, suffix = (name if self.keep_ext else stem), ".png"
        room = MAX_NAME - len(os.fsencode(addition + suffix))
        return _shortened(stem, room) + addition + suffix


def paintings_among(names: Iterable[str], styles: Iterable[str]) -> set[str]:
    """Return the names that paintings of others of the names have in one of `styles`."""
    names = set(names)
    styles = set(styles)
    endings = tuple(f"-{style}" for style in styles)
    if not any(PurePath(name).stem.endswith(endings) for name in names):
        return set()
    namings = [Naming(style, keep_ext=keep) for style in styles for keep in (False, True)]
    return names & {naming.beside(name) for naming in namings for name in names}


def perhaps_paintings(names: Iterable[str]) -> set[str]:
    """Return the names that paintings of others of the names have in a style of any name."""
    names = set(names)
    photos = names | {PurePath(name).stem for name in names}
    stems = {name: PurePath(name).stem for name in names}
    return {
        name
        for name, stem in stems.items()
        if any(char == "-" and stem[:place] in photos for place, char in enumerate(stem))
    }


def choose_naming(
    inputs: Sequence[str], out: str | None, style: str, *, in_place: bool, keep_ext: bool
) -> Naming:
    """Decide whether OUT is a file, a folder, standard output, or beside each photo.

    Raises:
        UsageError: IN and OUT do not fit together.
        OutputError: a file is where the folder has to be.
    """
    several = len(inputs) > 1 or is_folder(inputs[0]) or is_pattern(inputs[0])
    if STANDARD in inputs:
        if several:
            raise UsageError("standard input is one picture", cure="give - alone")
        if in_place:
            raise UsageError("standard input has no place", cure="leave out --in-place")
        out = out or STANDARD
    if out is None:
        return Naming(style_name(style), in_place=in_place, keep_ext=keep_ext)
    if out == STANDARD and several:
        raise UsageError("standard output takes one picture", cure="give a folder: -o paintings/")
    if out == STANDARD:
        return Naming(style_name(style), file=out)
    if not (several or is_folder(out) or _ends_in_slash(out)):
        if os.path.lexists(inputs[0]) or STANDARD in inputs:  # else its absence is reported
            _refuse_unknown_format(out)
        return Naming(style_name(style), file=out, in_place=in_place)
    if STANDARD in inputs:
        raise UsageError("standard input has no name for a folder", cure="give -o FILE")
    _refuse_file_for_folder(out)
    return Naming(style_name(style), folder=out, in_place=in_place, keep_ext=keep_ext)


def has_format(path: str) -> bool:
    """Return whether a picture can be written under such a name."""
    try:
        format_of(Path(path))
    except OutputError:
        return False
    return True


def _refuse_unknown_format(out: str) -> None:
    try:
        format_of(Path(out))
    except OutputError as error:
        cure = f"{error.cure}; a folder ends in a slash"
        raise UsageError(error.what, path=out, cure=cure) from error


def _refuse_file_for_folder(out: str) -> None:
    if is_folder(out):
        return
    if os.path.lexists(Path(out)):
        raise OutputError("is a file where a folder is needed", path=out, cure="choose another -o")
    if has_format(out) and not _ends_in_slash(out):
        raise UsageError(
            "several pictures do not fit into one file", path=out, cure="a folder ends in a slash"
        )


def _ends_in_slash(path: str) -> bool:
    return path.endswith(tuple(filter(None, (os.sep, os.altsep))))


def _shortened(stem: str, room: int) -> str:
    """Return as much of a name as fits into `room` bytes, in whole characters."""
    data = os.fsencode(stem)
    if len(data) <= room:
        return stem
    while room > 0 and (data[room] & 0xC0) == 0x80:
        room -= 1
    return os.fsdecode(data[:room])

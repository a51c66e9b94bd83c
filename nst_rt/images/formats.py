"""Picture formats: which file names ask for one, and what it can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nst_rt.errors import OutputError


@dataclass(frozen=True)
class Format:
    """One format, read and written by Pillow.

    Attributes:
        name: in Pillow's spelling.
        suffixes: of file names that ask for it when a picture is written.
        further_suffixes: of files that are found in folders beside those.
        is_read: whether it is decoded. What is not is still found in folders, and refused by name:
            silence would pass for all done.
        longest_side: pixels; None where files end before the format does.
        has_alpha: whether it holds transparency.
        has_profile: whether it holds a colour profile and EXIF data.
        has_xmp: whether Pillow writes XMP data into it.
        has_dpi: whether Pillow writes the resolution into it.
        has_quality: whether it loses something, by a quality of 1 to 100.
        options: further arguments of Pillow's `save`.
    """

    name: str
    suffixes: tuple[str, ...]
    further_suffixes: tuple[str, ...] = ()
    is_read: bool = True
    longest_side: int | None = None
    has_alpha: bool = True
    has_profile: bool = False
    has_xmp: bool = False
    has_dpi: bool = False
    has_quality: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


# fmt: off
FORMATS = (  # without PostScript, which starts a program
    Format("PNG", (".png",), has_profile=True, has_dpi=True,
           options={"compress_level": 2}),  # more takes thrice as long and saves nothing on paint
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), (".mpo",), longest_side=65_500,
           has_alpha=False, has_profile=True, has_xmp=True, has_dpi=True, has_quality=True,
           options={"subsampling": "4:4:4"}),
    Format("WEBP", (".webp",), longest_side=16_383,
           has_profile=True, has_xmp=True, has_quality=True),
    Format("TIFF", (".tif", ".tiff"), has_profile=True, has_dpi=True,
           options={"compression": "tiff_lzw"}),
    Format("AVIF", (".avif",), longest_side=65_536,
           has_profile=True, has_xmp=True, has_quality=True),
    Format("GIF", (".gif",), longest_side=65_535),
    Format("BMP", (".bmp",), has_alpha=False, has_dpi=True),
    Format("PPM", (".ppm",), (".pgm", ".pnm"), has_alpha=False),
    Format("HEIC", (), (".heic", ".heif"), is_read=False),
)
# fmt: on

READ_FORMATS = tuple(each.name for each in FORMATS if each.is_read)
"""Names of the formats that are decoded, whatever a file is called."""
WRITTEN_FORMATS = {each.name: each for each in FORMATS if each.suffixes}
_BY_SUFFIX = {suffix: each for each in FORMATS for suffix in each.suffixes}


FOUND_SUFFIXES = frozenset(
    suffix for each in FORMATS for suffix in (*each.suffixes, *each.further_suffixes)
)
"""Suffixes of files that a search through a folder takes for pictures."""
PICTURE_SUFFIXES = frozenset(
    suffix
    for each in FORMATS
    if each.is_read
    for suffix in (*each.suffixes, *each.further_suffixes)
)
"""Suffixes of files that are decoded."""


def format_of(path: Path) -> str:
    """Return the name of the format that a file name asks for.

    Raises:
        OutputError: no format that is written here.
    """
    try:
        return _BY_SUFFIX[path.suffix.lower()].name
    except KeyError:
        kind = path.suffix or "a name without suffix"
        raise OutputError(
            f"no picture format is known for {kind}", path=path, cure=f"use {', '.join(_BY_SUFFIX)}"
        ) from None


def written_format(name: str) -> Format:
    """Return the format of that name.

    Raises:
        OutputError: it is not written here.
    """
    try:
        return WRITTEN_FORMATS[name]
    except KeyError:
        raise OutputError(f"pictures are not written as {name}") from None

"""The mark by which a painting is known again: EXIF's name of the program that processed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nst_rt._version import __version__
from nst_rt.current_file import reading
from nst_rt.errors import shown
from nst_rt.images.opening import open_image
from nst_rt.images.picture import Picture

_TAG = 0x000B
"""ProcessingSoftware. Software (0x0131) is the camera's own and stays."""
_PROGRAM = "nst-rt"


def mark(painting: Picture) -> Picture:
    """The picture with the mark in its EXIF data, for formats that carry any."""
    from PIL import Image

    tags = Image.Exif()
    if painting.metadata.exif:
        tags.load(painting.metadata.exif)
    tags[_TAG] = f"{_PROGRAM} {__version__}"
    return replace(painting, metadata=replace(painting.metadata, exif=tags.tobytes()))


def is_marked(path: Path) -> bool:
    """Whether a file says that it is a painting; one that cannot be read says nothing.

    Its pixels are not decoded.
    """
    if not path.is_file():  # opening a pipe would wait for its writer
        return False
    try:
        with reading(shown(path)), open_image(path) as image:
            program = image.getexif().get(_TAG)
    except Exception:  # metadata is taken apart by code that trips in every way
        return False
    return isinstance(program, str) and program.startswith(_PROGRAM)

"""A mark in EXIF data by which paintings are recognized: the program that processed them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nst_rt._version import __version__
from nst_rt.errors import shown
from nst_rt.images.opening import open_image
from nst_rt.images.picture import Picture
from nst_rt.system.current_file import reading

_TAG = 0x000B
"""Tag ProcessingSoftware. Software (0x0131) is the camera's own and stays."""
_PROGRAM = "nst-rt"


def mark(painting: Picture) -> Picture:
    """Return the picture with the mark in its EXIF data, for formats that hold any."""
    from PIL import Image

    tags = Image.Exif()
    if painting.metadata.exif:
        tags.load(painting.metadata.exif)
    tags[_TAG] = f"{_PROGRAM} {__version__}"
    return replace(painting, metadata=replace(painting.metadata, exif=tags.tobytes()))


def is_marked(path: Path) -> bool:
    """Return whether a file is marked as a painting; False for one that cannot be read.

    Its pixels are not decoded.
    """
    if not path.is_file():  # opening a pipe would wait for its writer
        return False
    try:
        with reading(shown(path)), open_image(path) as image:
            program = image.getexif().get(_TAG)
    except Exception:  # Pillow raises errors of every kind on damaged metadata
        return False
    return isinstance(program, str) and program.startswith(_PROGRAM)

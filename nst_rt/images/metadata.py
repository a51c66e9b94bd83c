"""Metadata of a picture's file: EXIF, XMP, resolution and orientation."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from nst_rt.images.picture import Metadata

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
    6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
"""Pillow's names of the transpositions that turn pixels of an orientation upright."""
_XMP_ORIENTATION = re.compile(
    rb"""tiff:Orientation=(["'])\d\1|<tiff:Orientation>\d</tiff:Orientation>"""
)
_DESCRIPTIVE = {269, 270, 271, 272, 282, 283, 285, 296, 305, 306, 315, 316}
_STRUCTURAL = ({*range(254, 533)} | {700, 33723, 34377, 34675}) - _DESCRIPTIVE
"""Tags for the pixel layout of a TIFF file, and for data carried elsewhere: in the EXIF data of a
painting they would be wrong, and make a TIFF file that nothing can read."""


def read_metadata(image: Image.Image, name: str) -> tuple[Metadata, object]:
    """Return the metadata without profile and orientation, and the orientation, of any type."""
    exif, orientation = None, None
    try:
        tags = image.getexif()
        orientation = tags.get(_ORIENTATION)
        exif = _description(tags)
    except Exception as error:  # errors of every kind, but the pixels are sound
        logger.warning("%s: its EXIF data is damaged and left out (%s)", name, error)
    xmp = image.info.get("xmp")
    return Metadata(
        exif=exif,
        xmp=_XMP_ORIENTATION.sub(b"", xmp) if isinstance(xmp, bytes) else None,
        dpi=_resolution(image.info.get("dpi")),
    ), orientation


def turn_upright(image: Image.Image, orientation: object) -> Image.Image:
    """Turn an image upright whose EXIF data has this orientation."""
    from PIL import Image

    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image.transpose(Image.Transpose[turn]) if turn else image


def _description(tags: Image.Exif) -> bytes | None:
    """Return the EXIF data that is true of the picture in any file; its orientation is 1."""
    from PIL import Image

    if not tags.keys() - _STRUCTURAL:
        return None
    copy = Image.Exif()
    copy.load(tags.tobytes())
    for tag in _STRUCTURAL & set(copy):
        del copy[tag]
    copy[_ORIENTATION] = 1
    return copy.tobytes()


def _resolution(dpi: Any) -> tuple[float, float] | None:
    """Return pixels per inch, None for 1, which Pillow gives for none."""
    try:
        across, down = map(float, dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 < across < 1e6 and 1 < down < 1e6 else None

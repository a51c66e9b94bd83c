"""A decoded picture with its metadata."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nst_rt.pixels import Pixels


@dataclass(frozen=True)
class Metadata:
    """Metadata that is carried from the source file into the painting's.

    Attributes:
        icc: RGB profile of the source, to which the pixels are converted back; None is sRGB.
        exif: EXIF data without the orientation, which the pixels have been turned by.
        xmp: XMP data as read.
        dpi: pixels per inch, across and down.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True)
class Picture:
    """Upright sRGB pixels, uint8 H×W×3, alpha apart as uint8 H×W; both may be read-only.

    `format` is the source's, in Pillow's spelling ("PNG", "JPEG"); `gray` is whether the source had
    one channel.
    """

    rgb: Pixels = field(repr=False)
    alpha: Pixels | None = field(default=None, repr=False)
    format: str = "PNG"
    gray: bool = False
    metadata: Metadata = field(default=Metadata(), repr=False)

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    def replace_pixels(self, rgb: Pixels) -> Picture:
        """Return the same picture with other colours."""
        return replace(self, rgb=rgb)

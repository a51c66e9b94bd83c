"""Conversion between colour profiles: to sRGB for the network, and back to the picture's own."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)


def to_srgb(image: Image.Image, icc: bytes | None, name: str) -> tuple[Image.Image, bytes | None]:
    """Return RGB or RGBA in sRGB, and the RGB profile for `from_srgb` (None: sRGB).

    A profile that is damaged, or for other kinds of pixels, is ignored with a warning. Profiles of
    gray and of inks are dropped: their paintings have colours that such a profile cannot hold.

    Args:
        image: RGB, RGBA, L, LA, CMYK or LAB.
        icc: the profile, if the file has one.
        name: of the picture, for the warning.
    """
    colors, alpha = _split(image)
    converted = None
    if icc:
        try:
            converted, icc = _converted(colors, icc)
        except Exception as error:  # LittleCMS raises several kinds
            logger.warning("%s: its colour profile is unusable, taken for sRGB (%s)", name, error)
            icc = None
    result = converted or _as_rgb(colors)
    if alpha is not None:
        result.putalpha(alpha)
    return result, icc


def from_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Convert RGB or RGBA pixels from sRGB to the profile `icc`."""
    from PIL import ImageCms

    profile = _profile(icc)
    if _is_srgb(profile):
        return image
    colors, alpha = _split(image)
    result = _transform(colors, ImageCms.createProfile("sRGB"), profile)
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _converted(colors: Image.Image, icc: bytes) -> tuple[Image.Image, bytes | None]:
    from PIL import ImageCms

    profile = _profile(icc)
    space = profile.profile.xcolor_space.strip()
    if space == "RGB" and colors.mode in ("RGB", "L"):
        colors = _as_rgb(colors)
        if _is_srgb(profile):
            return colors, icc
    converted = _transform(colors, profile, ImageCms.createProfile("sRGB"))
    return converted, icc if space == "RGB" else None


def _transform(colors: Image.Image, source: Any, target: Any) -> Image.Image:
    from PIL import ImageCms

    converted = ImageCms.profileToProfile(
        colors, source, target, ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
    )
    assert converted is not None  # it is None only when converting in place
    return converted


def _as_rgb(image: Image.Image) -> Image.Image:
    """Convert to RGB, without the copy that `convert` makes where it is RGB already."""
    return image if image.mode == "RGB" else image.convert("RGB")


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Split an image into its colours and its alpha, None without one."""
    if image.mode not in ("RGBA", "LA"):
        return image, None
    return image.convert(image.mode[:-1]), image.getchannel("A")


def _profile(icc: bytes) -> Any:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(io.BytesIO(icc))


def _is_srgb(profile: Any) -> bool:
    return "sRGB" in (profile.profile.profile_description or "")

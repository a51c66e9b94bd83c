"""Colour profiles: into sRGB for the network, back into the picture's own profile afterwards."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)


def to_srgb(image: Image.Image, icc: bytes | None, name: str) -> tuple[Image.Image, bytes | None]:
    """RGB or RGBA in sRGB, and the RGB profile that `from_srgb` goes back to (None: sRGB).

    A profile that is damaged, or not one of such pixels, is passed over with a warning. Profiles of
    gray and of inks end here: their paintings have colours that such a profile cannot hold.

    Args:
        image: RGB, RGBA, L, LA, CMYK or LAB.
        icc: the profile, if the file has one.
        name: for the warning.
    """
    colors, alpha = _split(image)
    converted = None
    if icc:
        try:
            converted, icc = _converted(colors, icc)
        except Exception as error:  # littlecms's complaints come as several kinds
            logger.warning("%s: its colour profile is of no use, taken for sRGB (%s)", name, error)
            icc = None
    result = converted or _as_rgb(colors)
    if alpha is not None:
        result.putalpha(alpha)
    return result, icc


def from_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """RGB or RGBA pixels converted from sRGB into the profile `icc`."""
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
    """Not a copy where it is RGB already, as `convert` makes."""
    return image if image.mode == "RGB" else image.convert("RGB")


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours, and alpha if there is any."""
    if image.mode not in ("RGBA", "LA"):
        return image, None
    return image.convert(image.mode[:-1]), image.getchannel("A")


def _profile(icc: bytes) -> Any:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(io.BytesIO(icc))


def _is_srgb(profile: Any) -> bool:
    return "sRGB" in (profile.profile.profile_description or "")

"""Conversion of files, bytes and PIL images to pictures: upright, in sRGB, 8 bits a channel."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nst_rt.errors import InputError, shown
from nst_rt.images.color import to_srgb
from nst_rt.images.deep import (
    decode_low_bytes,
    gray_as_8_bit,
    has_deep_colors,
    merge_bytes,
)
from nst_rt.images.limits import (
    DECODED_BYTES,
    DEFAULT_LIMITS,
    PictureLimits,
    check_memory,
    check_pixels,
)
from nst_rt.images.metadata import read_metadata, turn_upright
from nst_rt.images.opening import load_image, open_image, raised_limits
from nst_rt.images.picture import Picture
from nst_rt.system.current_file import reading

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)


def read_picture(
    source: Path | bytes,
    limits: PictureLimits = DEFAULT_LIMITS,
    *,
    allow_truncated: bool = False,
) -> Picture:
    """Decode a file, or the bytes of one.

    The pixels come upright, in sRGB, with 8 bits a channel. Gray and palettes become RGB.

    Args:
        source: a path, or encoded bytes.
        limits: larger pictures are refused before they are decoded.
        allow_truncated: whether what is missing at the end of a file may stay gray.

    Raises:
        InputError: absent, unreadable, damaged, or no picture.
        LimitError: larger than the limits.
    """
    path = source if isinstance(source, Path) else None
    try:
        with (
            reading(_name(path)),
            raised_limits(limits.max_pixels, allow_truncated=allow_truncated),
            open_image(source) as image,
        ):
            _check_limits(image, limits, path)
            deep = has_deep_colors(image)
            load_image(image, source)
            colors = _all_bytes(image, source) if deep else image
            return _picture(image, colors, path, deep=deep)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path=path) from error


def from_pil(image: Image.Image, limits: PictureLimits = DEFAULT_LIMITS) -> Picture:
    """Return the picture of a PIL image, whose pixels and metadata stay as they are.

    Args:
        image: of any mode; one that is not loaded yet is loaded.
        limits: larger ones are refused before they are loaded.

    Raises:
        InputError: damaged, closed, empty, or a kind of pixels that stands for no colours.
        LimitError: larger than the limits.
    """
    if 0 in image.size:
        raise InputError("expected at least one pixel, got an empty PIL image")
    _check_limits(image, limits, None)
    deep = has_deep_colors(image)
    load_image(image, None)
    return _picture(image, image, None, deep=deep)


def _picture(
    image: Image.Image, pixels: Image.Image, path: Path | None, *, deep: bool = False
) -> Picture:
    """Return the picture of `pixels`, with the metadata of `image`."""
    name = _name(path)
    frames = _count_frames(image)
    if frames > 1 and image.format != "MPO":
        logger.warning("%s: only frame %d of %d is painted", name, image.tell() + 1, frames)
    if deep or image.mode.startswith("I"):
        logger.warning("%s: has 16 bits a channel, is painted with 8", name)
    metadata, orientation = read_metadata(image, name)
    upright = turn_upright(gray_as_8_bit(pixels, path), orientation)
    colors, icc = to_srgb(_colors(upright, path), image.info.get("icc_profile"), name)
    return Picture(
        rgb=np.asarray(colors.convert("RGB") if colors.mode == "RGBA" else colors),
        alpha=np.asarray(colors.getchannel("A")) if colors.mode == "RGBA" else None,
        format="JPEG" if image.format == "MPO" else image.format or "PNG",
        gray=image.mode in ("1", "L", "LA", "La") or image.mode.startswith(("I", "F")),
        metadata=replace(metadata, icc=icc),
    )


def _count_frames(image: Image.Image) -> int:
    try:
        return getattr(image, "n_frames", 1)
    except Exception:  # damaged further on, or the file was closed: this frame is sound
        return 1


def _all_bytes(image: Image.Image, source: Path | bytes) -> Image.Image:
    """Return the 8-bit image nearest to 16-bit colours, of which `image` has the high bytes."""
    with open_image(source) as other:
        if not decode_low_bytes(other):
            return image.copy()
        load_image(other, source)
        merged = merge_bytes(image, other)
    merged.info = dict(image.info)
    return merged


def _colors(image: Image.Image, path: Path | None) -> Image.Image:
    """Convert to a mode that colour profiles are for: RGB, RGBA, L, LA, CMYK or LAB."""
    if image.mode in ("RGB", "RGBA", "L", "LA", "CMYK", "LAB"):
        clear = image.info.get("transparency") is not None and image.mode in ("RGB", "L")
        return image.convert("RGBA") if clear else image
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    target = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
    if image.mode not in target:
        raise InputError(f"pixels of kind {image.mode} cannot be painted", path=path)
    return image.convert(target[image.mode])


def _check_limits(image: Image.Image, limits: PictureLimits, path: Path | None) -> None:
    width, height = image.size
    check_pixels(height, width, limits.max_pixels, path)
    check_memory(
        f"reading {width}x{height}",
        width * height * DECODED_BYTES,
        limits.max_memory,
        cure="give a smaller picture",
        path=path,
    )


def _name(path: Path | None) -> str:
    return shown(path) if path else "picture"

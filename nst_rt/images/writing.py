"""Conversion of pictures to files, bytes and PIL images; files are written beside and renamed."""

from __future__ import annotations

import io
import logging
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nst_rt.errors import OutputError, shown
from nst_rt.images.color import from_srgb
from nst_rt.images.formats import Format, format_of, written_format
from nst_rt.images.mixing import WHITE, Rgb, lay_on
from nst_rt.images.picture import Picture
from nst_rt.system.atomic import DISK_FULL, replace_file

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)


def write_picture(
    picture: Picture,
    target: Path,
    *,
    background: Rgb = WHITE,
    quality: int = 95,
    strip_metadata: bool = False,
    gray: bool = False,
) -> None:
    """Encode as the target's suffix asks, and write it whole or not at all, with its folders.

    Arguments are those of `encode_picture`.

    Raises:
        OutputError: unknown suffix, too large for its format, or the file cannot be written.
    """
    data = encode_picture(
        picture,
        format_of(target),
        background=background,
        quality=quality,
        strip_metadata=strip_metadata,
        gray=gray,
        name=shown(target),
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data)
    except OSError as error:
        cure = _room(target, len(data)) if error.errno in DISK_FULL else ""
        raise OutputError.from_error(error, target, cure=cure) from error


def encode_picture(
    picture: Picture,
    kind: str | None = None,
    *,
    background: Rgb = WHITE,
    quality: int = 95,
    strip_metadata: bool = False,
    gray: bool = False,
    name: str = "picture",
) -> bytes:
    """Encode a picture file.

    Args:
        picture: sRGB pixels; they are converted back to the picture's own profile.
        kind: format in Pillow's spelling; by default the picture's own.
        background: RGB that shows through transparent parts where the format has no alpha.
        quality: of lossy formats, 1 to 100.
        strip_metadata: leave out EXIF, XMP and resolution. A colour profile stays: without it the
            numbers mean other colours.
        gray: one channel for a picture that was read with one, without a profile, which is RGB.
        name: of the picture in warnings.

    Raises:
        OutputError: the format cannot hold such a size, or is not written here.
    """
    from PIL import Image

    kind = kind or picture.format
    check_fits(picture, kind)
    target = written_format(kind)
    if gray and picture.gray:
        picture = replace(picture, metadata=replace(picture.metadata, icc=None))
    image = to_pil(picture)
    if image.mode == "RGBA" and not target.has_alpha:
        logger.warning("%s: %s has no transparency, laid on a background", name, kind)
        colors, alpha = np.asarray(image.convert("RGB")), np.asarray(image.getchannel("A"))
        image = Image.fromarray(lay_on(colors, alpha, background))
    if gray and picture.gray:
        image = image.convert("LA" if image.mode == "RGBA" else "L")
    options = _options(picture, target, quality, strip_metadata=strip_metadata)
    try:
        return _saved(image, kind, options)
    except OutputError:
        if not (options.get("exif") or options.get("xmp")):
            raise
    data = _saved(image, kind, {**options, "exif": b"", "xmp": b""})
    logger.warning("%s: %s cannot hold its EXIF or XMP data, left out", name, kind)
    return data


def check_fits(picture: Picture, kind: str) -> None:
    """Raise `OutputError` unless a format is written here and can hold the picture's size."""
    limit = written_format(kind).longest_side
    if limit and max(picture.height, picture.width) > limit:
        raise OutputError(
            f"{picture.width}x{picture.height} is more than {kind} can hold ({limit:,} a side)",
            cure="write a .png or .tif",
        )


def _room(target: Path, needed: int) -> str:
    """Return the cure for a full disk: how much a file takes, and how much is free."""
    with suppress(OSError):
        free = shutil.disk_usage(target.parent).free
        return f"{needed:,} bytes are needed, {free:,} are free there"
    return f"{needed:,} bytes are needed"


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
    except MemoryError:
        raise
    except Exception as error:  # Pillow, libtiff and libwebp raise their own
        raise OutputError(f"cannot be written as {kind} ({error})") from error
    return buffer.getvalue()


def to_pil(picture: Picture) -> Image.Image:
    """Return an RGB or RGBA PIL image in the picture's own profile, which is in its `info`."""
    from PIL import Image

    pixels = picture.rgb
    if picture.alpha is not None:
        pixels = np.dstack([picture.rgb, picture.alpha])
    image = Image.fromarray(pixels)
    metadata = picture.metadata
    if metadata.icc:
        image = from_srgb(image, metadata.icc)
        image.info["icc_profile"] = metadata.icc
    if metadata.exif:
        image.getexif().load(metadata.exif)
    return image


def _options(
    picture: Picture, target: Format, quality: int, *, strip_metadata: bool
) -> dict[str, Any]:
    """Return the keyword arguments of Pillow's `save` for a format."""
    options = dict(target.options)
    if target.has_quality:
        options["quality"] = quality
    metadata = picture.metadata
    if target.has_profile:
        # an empty value keeps Pillow from taking the image's own
        options["icc_profile"] = metadata.icc or b""
        options["exif"] = b"" if strip_metadata or not metadata.exif else metadata.exif
    if not strip_metadata:
        if metadata.dpi and target.has_dpi:
            options["dpi"] = metadata.dpi
        if metadata.xmp and target.has_xmp:
            options["xmp"] = metadata.xmp
    return options

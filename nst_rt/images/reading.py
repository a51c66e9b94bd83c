"""Files, bytes and PIL images become pictures; what is no picture is refused in one line."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nst_rt.errors import InputError, LimitError, shown
from nst_rt.images.color import to_srgb
from nst_rt.images.deep import (
    decode_low_bytes,
    gray_as_8_bit,
    has_deep_colors,
    merge_bytes,
)
from nst_rt.images.picture import Metadata, Picture

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

DEFAULT_MAX_PIXELS = 178_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "PPM")
"""What is decoded, whatever a file is called. PostScript, which starts a program, is not here."""
PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".tif", ".tiff", ".avif", ".gif",
     ".bmp", ".ppm", ".pgm", ".pnm"}
)  # fmt: skip
"""What a search through a folder takes for pictures."""

_ORIENTATION = 0x0112

_settings = threading.Lock()
"""Held while a setting of Pillow's that all threads share is changed."""


def read_picture(
    source: Path | bytes,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    allow_truncated: bool = False,
) -> Picture:
    """Decode a file, or the bytes of one.

    The pixels come upright, in sRGB, with 8 bits a channel. Gray and palettes become RGB.

    Args:
        source: a path, or encoded bytes.
        max_pixels: larger pictures are refused before they are decoded.
        allow_truncated: whether what is missing at the end of a file may stay gray.

    Raises:
        InputError: absent, unreadable, damaged, or no picture.
        LimitError: larger than `max_pixels`.
    """
    path = source if isinstance(source, Path) else None
    try:
        with _raised_limits(max_pixels, allow_truncated=allow_truncated), _open(source) as image:
            _check_size(image, max_pixels, path)
            deep = has_deep_colors(image)
            _load(image, source)
            colors = _all_bytes(image, source) if deep else image
            return _picture(image, colors, path)
    except (LimitError, InputError):
        raise
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path=path) from error


def from_pil(image: Image.Image) -> Picture:
    """A picture from a PIL image, which stays as it is.

    Raises:
        InputError: a kind of pixels that stands for no colours, or none at all.
    """
    if 0 in image.size:
        raise InputError("expected at least one pixel, got an empty PIL image")
    return _picture(image, image, None)


def _picture(image: Image.Image, pixels: Image.Image, path: Path | None) -> Picture:
    """The picture of `pixels`, which `image` tells of."""
    from PIL import ImageOps

    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        logger.warning("%s: only the first of its %d frames is painted", _name(path), frames)
    if pixels is not image or image.mode.startswith("I"):
        logger.warning("%s: has 16 bits a channel, is painted with 8", _name(path))
    metadata = _metadata(image)
    upright = gray_as_8_bit(ImageOps.exif_transpose(pixels), path)
    colors, icc = to_srgb(_colors(upright, path), image.info.get("icc_profile"), _name(path))
    return Picture(
        rgb=np.array(colors.convert("RGB")),
        alpha=np.array(colors.getchannel("A")) if colors.mode == "RGBA" else None,
        format="JPEG" if image.format == "MPO" else image.format or "PNG",
        gray=image.mode in ("1", "L", "LA", "La") or image.mode.startswith(("I", "F")),
        metadata=replace(metadata, icc=icc),
    )


def _all_bytes(image: Image.Image, source: Path | bytes) -> Image.Image:
    """The 8-bit image nearest to 16-bit colours, of which `image` has the high bytes."""
    with _open(source) as other:
        if not decode_low_bytes(other):
            return image.copy()
        _load(other, source)
        merged = merge_bytes(image, other)
    merged.info = dict(image.info)
    return merged


def _colors(image: Image.Image, path: Path | None) -> Image.Image:
    """The image in a mode that a colour profile can speak of: RGB, RGBA, L, LA, CMYK or LAB."""
    if image.mode in ("RGB", "RGBA", "L", "LA", "CMYK", "LAB"):
        clear = image.info.get("transparency") is not None and image.mode in ("RGB", "L")
        return image.convert("RGBA") if clear else image
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    target = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
    if image.mode not in target:
        raise InputError(f"pixels of kind {image.mode} cannot be painted", path=path)
    return image.convert(target[image.mode])


def _metadata(image: Image.Image) -> Metadata:
    """All but the profile."""
    exif: bytes | None = None
    try:
        tags = image.getexif()
        kept = {tag: value for tag, value in tags.items() if tag != _ORIENTATION}
        exif = _without_orientation(tags) if kept else None
    except Exception as error:  # whatever Pillow trips on in there, the pixels are sound
        logger.warning("its EXIF data is damaged and left out (%s)", error)
    dpi, xmp = image.info.get("dpi"), image.info.get("xmp")
    return Metadata(
        exif=exif,
        xmp=xmp if isinstance(xmp, bytes) else None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
    )


def _without_orientation(tags: Image.Exif) -> bytes:
    """EXIF data of pixels that stand upright: tag 0x0112 at 1."""
    from PIL import Image

    copy = Image.Exif()
    copy.load(tags.tobytes())
    copy[_ORIENTATION] = 1
    return copy.tobytes()


@contextmanager
def _open(source: Path | bytes) -> Iterator[Image.Image]:
    from PIL import Image, UnidentifiedImageError

    path = source if isinstance(source, Path) else None
    if path is not None and path.is_dir():
        raise InputError("is a folder", path=path)
    try:
        image = Image.open(path if path is not None else io.BytesIO(source), formats=FORMATS)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise InputError("no such file", path=path) from error
    except UnidentifiedImageError as error:
        raise InputError(*_unknown(source), path=path) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LimitError(
            f"is larger than {DEFAULT_MAX_PIXELS:,} pixels", path=path, cure=_RAISE_LIMIT
        ) from error
    except (ValueError, SyntaxError) as error:
        raise InputError(f"damaged ({error})", path=path) from error
    with image:
        yield image


_RAISE_LIMIT = "raise max_pixels (--max-pixels) if you trust it"


def _check_size(image: Image.Image, max_pixels: int, path: Path | None) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise LimitError(
            f"{width}x{height} is {width * height:,} pixels, the limit is {max_pixels:,}",
            path=path,
            cure=_RAISE_LIMIT,
        )


def _load(image: Image.Image, source: Path | bytes) -> None:
    path = source if isinstance(source, Path) else None
    try:
        image.load()
    except MemoryError as error:
        raise LimitError("does not fit into memory", path=path) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if "truncated" in str(error).lower() or _ends_early(source):
            size = path.stat().st_size if path else len(source)  # type: ignore[arg-type]
            raise InputError(
                f"truncated after {size:,} bytes",
                path=path,
                cure="copy the file again, or pass allow_truncated (--allow-truncated)",
            ) from error
        raise InputError(f"damaged ({error})", path=path) from error


def _ends_early(source: Path | bytes) -> bool:
    """Whether a PNG or JPEG lacks its end mark."""
    data = source.read_bytes() if isinstance(source, Path) else source
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-16:]
    return data.startswith(b"\xff\xd8") and b"\xff\xd9" not in data[-64:]


def _unknown(source: Path | bytes) -> tuple[str]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            head = file.read(64)
    else:
        head = bytes(source[:64])
    if not head:
        return ("is empty",)
    kinds = {
        b"%!PS": "PostScript", b"%PDF": "a PDF document", b"<svg": "an SVG drawing",
        b"<?xml": "an XML document", b"<!DOC": "a web page", b"<html": "a web page",
        b"version https://git-lfs": "a Git LFS pointer", b"PK\x03\x04": "a zip archive",
    }  # fmt: skip
    for start, kind in kinds.items():
        if head.lstrip().startswith(start):
            return (f"not a picture (looks like {kind})",)
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"heim", b"hevc"):
        return ("HEIC is not read; save it as JPEG or PNG",)
    return (f"not a picture of a known kind ({', '.join(FORMATS)})",)


@contextmanager
def _raised_limits(max_pixels: int, *, allow_truncated: bool) -> Iterator[None]:
    """Let Pillow decode what was asked for. Its settings are the process's, so others wait."""
    from PIL import Image, ImageFile

    if max_pixels <= DEFAULT_MAX_PIXELS and not allow_truncated:
        yield
        return
    with _settings:
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        if max_pixels > DEFAULT_MAX_PIXELS:
            Image.MAX_IMAGE_PIXELS = None
        ImageFile.LOAD_TRUNCATED_IMAGES = allow_truncated
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def _name(path: Path | None) -> str:
    return shown(path) if path else "picture"

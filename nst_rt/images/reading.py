"""Files, bytes and PIL images become pictures; what is no picture is refused in one line."""

from __future__ import annotations

import io
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nst_rt.errors import InputError, LimitError, shown
from nst_rt.images.color import to_srgb
from nst_rt.images.deep import (
    decode_low_bytes,
    gray_as_8_bit,
    has_deep_colors,
    merge_bytes,
)
from nst_rt.images.limits import (
    DECODED_BYTES,
    DEFAULT_MAX_PIXELS,
    RAISE_LIMIT,
    check_memory,
    check_pixels,
)
from nst_rt.images.picture import Metadata, Picture

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "PPM")
"""What is decoded, whatever a file is called. PostScript, which starts a program, is not here."""
PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".tif", ".tiff", ".avif", ".gif",
     ".bmp", ".ppm", ".pgm", ".pnm"}
)  # fmt: skip
"""What a search through a folder takes for pictures."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
    6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
"""What turns pixels of an orientation upright, in Pillow's names."""
_XMP_ORIENTATION = re.compile(
    rb"""tiff:Orientation=(["'])\d\1|<tiff:Orientation>\d</tiff:Orientation>"""
)
_DESCRIPTIVE = {269, 270, 271, 272, 282, 283, 285, 296, 305, 306, 315, 316}
_STRUCTURAL = ({*range(254, 533)} | {700, 33723, 34377, 34675}) - _DESCRIPTIVE
"""Tags of how a TIFF file lays out its pixels, and of what is carried elsewhere: in the EXIF data
of a painting they would be lies, and make a TIFF file that nothing can read."""

_settings = threading.Lock()
"""Held while a setting of Pillow's that all threads share is changed."""


def read_picture(
    source: Path | bytes,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_memory: int | None = None,
    allow_truncated: bool = False,
) -> Picture:
    """Decode a file, or the bytes of one.

    The pixels come upright, in sRGB, with 8 bits a channel. Gray and palettes become RGB.

    Args:
        source: a path, or encoded bytes.
        max_pixels: larger pictures are refused before they are decoded.
        max_memory: bytes; by default what is free now. Pictures that take more are refused before
            they are decoded.
        allow_truncated: whether what is missing at the end of a file may stay gray.

    Raises:
        InputError: absent, unreadable, damaged, or no picture.
        LimitError: larger than `max_pixels` or `max_memory`.
    """
    path = source if isinstance(source, Path) else None
    try:
        with (
            _raised_limits(max_pixels, allow_truncated=allow_truncated),
            open_image(source) as image,
        ):
            _check_limits(image, max_pixels, max_memory, path)
            deep = has_deep_colors(image)
            load_image(image, source)
            colors = _all_bytes(image, source) if deep else image
            return _picture(image, colors, path, deep=deep)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path=path) from error


def from_pil(
    image: Image.Image,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_memory: int | None = None,
) -> Picture:
    """A picture from a PIL image, whose pixels and metadata stay as they are.

    Args:
        image: of any mode; one that is not loaded yet is loaded.
        max_pixels: larger ones are refused before they are loaded.
        max_memory: bytes; by default what is free now.

    Raises:
        InputError: damaged, closed, empty, or a kind of pixels that stands for no colours.
        LimitError: larger than `max_pixels` or `max_memory`.
    """
    if 0 in image.size:
        raise InputError("expected at least one pixel, got an empty PIL image")
    _check_limits(image, max_pixels, max_memory, None)
    deep = has_deep_colors(image)
    load_image(image, None)
    return _picture(image, image, None, deep=deep)


def _picture(
    image: Image.Image, pixels: Image.Image, path: Path | None, *, deep: bool = False
) -> Picture:
    """The picture of `pixels`, which `image` tells of."""
    name = _name(path)
    frames = _count_frames(image)
    if frames > 1 and image.format != "MPO":
        logger.warning("%s: only frame %d of %d is painted", name, image.tell() + 1, frames)
    if deep or image.mode.startswith("I"):
        logger.warning("%s: has 16 bits a channel, is painted with 8", name)
    metadata, orientation = _metadata(image, name)
    upright = _upright(gray_as_8_bit(pixels, path), orientation)
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
    except Exception:  # damaged further on, or the file was closed: the frame at hand is sound
        return 1


def _upright(image: Image.Image, orientation: object) -> Image.Image:
    from PIL import Image

    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image.transpose(Image.Transpose[turn]) if turn else image


def _all_bytes(image: Image.Image, source: Path | bytes) -> Image.Image:
    """The 8-bit image nearest to 16-bit colours, of which `image` has the high bytes."""
    with open_image(source) as other:
        if not decode_low_bytes(other):
            return image.copy()
        load_image(other, source)
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


def _metadata(image: Image.Image, name: str) -> tuple[Metadata, object]:
    """All but the profile, without the orientation, and the orientation, which may be anything."""
    exif, orientation = None, None
    try:
        tags = image.getexif()
        orientation = tags.get(_ORIENTATION)
        exif = _description(tags)
    except Exception as error:  # whatever Pillow trips on in there, the pixels are sound
        logger.warning("%s: its EXIF data is damaged and left out (%s)", name, error)
    xmp = image.info.get("xmp")
    return Metadata(
        exif=exif,
        xmp=_XMP_ORIENTATION.sub(b"", xmp) if isinstance(xmp, bytes) else None,
        dpi=_resolution(image.info.get("dpi")),
    ), orientation


def _description(tags: Image.Exif) -> bytes | None:
    """What EXIF data says of the picture whatever the file; the orientation is 1."""
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
    """Pixels per inch; 1 is what Pillow makes of none."""
    try:
        across, down = map(float, dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 < across < 1e6 and 1 < down < 1e6 else None


@contextmanager
def open_image(source: Path | bytes) -> Iterator[Image.Image]:
    """The PIL image of a file, whose pixels are not decoded yet.

    Raises:
        InputError: absent, a folder, no picture, or damaged at its beginning.
        OSError: it cannot be read for another reason.
    """
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
            f"is larger than {DEFAULT_MAX_PIXELS:,} pixels", path=path, cure=RAISE_LIMIT
        ) from error
    except OSError as error:
        if error.errno is None and ("truncated" in str(error).lower() or _ends_early(source)):
            raise _truncated(source, "copy the file again") from error
        raise
    except Exception as error:  # formats are taken apart by code that trips in every way
        raise InputError(f"damaged ({error})", path=path) from error
    with image:
        yield image


def _check_limits(
    image: Image.Image, max_pixels: int, max_memory: int | None, path: Path | None
) -> None:
    width, height = image.size
    check_pixels(height, width, max_pixels, path)
    check_memory(
        f"reading {width}x{height}",
        width * height * DECODED_BYTES,
        max_memory,
        cure="give a smaller picture",
        path=path,
    )


def load_image(image: Image.Image, source: Path | bytes | None) -> None:
    """Decode the pixels of a PIL image.

    Raises:
        InputError: damaged or truncated.
        LimitError: more than the memory holds.
    """
    path = source if isinstance(source, Path) else None
    try:
        image.load()
    except MemoryError as error:
        raise LimitError("does not fit into memory", path=path) from error
    except Exception as error:  # as in open_image
        if source is not None and ("truncated" in str(error).lower() or _ends_early(source)):
            cure = "copy the file again, or pass allow_truncated (--allow-truncated)"
            raise _truncated(source, cure) from error
        raise InputError(f"damaged ({error})", path=path) from error


def _truncated(source: Path | bytes, cure: str) -> InputError:
    path = source if isinstance(source, Path) else None
    size = path.stat().st_size if path else len(source)  # type: ignore[arg-type]
    return InputError(f"truncated after {size:,} bytes", path=path, cure=cure)


def _ends_early(source: Path | bytes) -> bool:
    """Whether a PNG or JPEG lacks its end mark, or a WebP is shorter than it says."""
    data = source.read_bytes() if isinstance(source, Path) else source
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-16:]
    if data.startswith(b"RIFF"):
        return len(data) < int.from_bytes(data[4:8], "little") + 8
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
    if (head[4:8] == b"ftyp" and head[8:11] != b"avi") or head[:4] == b"\x1aE\xdf\xa3":
        return ("is a video; nst-rt video paints it",)
    if head.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8")) or b"ftypavi" in head[:12]:
        return ("damaged or truncated near its beginning; copy the file again",)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return ("is TIFF of a kind that is not read; save it as RGB with 8 or 16 bits",)
    return (f"not a picture of a known kind ({', '.join(FORMATS)})",)


@contextmanager
def _raised_limits(max_pixels: int, *, allow_truncated: bool) -> Iterator[None]:
    """Let Pillow decode what was asked for.

    Its settings are the process's: who changes them waits for others who do, but pictures that are
    read meanwhile without a change are read under them as well.
    """
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

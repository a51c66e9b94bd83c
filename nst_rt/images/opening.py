"""Opening and decoding pictures with Pillow; whatever is no picture is refused in one line."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nst_rt.errors import InputError, LimitError
from nst_rt.images.formats import READ_FORMATS
from nst_rt.images.limits import DEFAULT_MAX_PIXELS, RAISE_LIMIT

if TYPE_CHECKING:
    from PIL import Image

_settings = threading.Lock()
"""Held while one of Pillow's settings, which all threads share, is changed."""

_PAINT_THE_REST = "copy the file again, or pass allow_truncated (--allow-truncated)"


@contextmanager
def open_image(source: Path | bytes) -> Iterator[Image.Image]:
    """Open a PIL image, whose pixels are not decoded yet.

    Raises:
        InputError: absent, a folder, no picture, or damaged at its beginning.
        OSError: it cannot be read for another reason.
    """
    from PIL import Image, UnidentifiedImageError

    path = source if isinstance(source, Path) else None
    if path is not None and path.is_dir():
        raise InputError("is a folder", path=path)
    try:
        image = Image.open(path if path is not None else io.BytesIO(source), formats=READ_FORMATS)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise InputError("no such file", path=path) from error
    except UnidentifiedImageError as error:
        raise InputError(_unknown(source), path=path) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LimitError(
            f"is larger than {DEFAULT_MAX_PIXELS:,} pixels", path=path, cure=RAISE_LIMIT
        ) from error
    except OSError as error:
        if error.errno is None and ("truncated" in str(error).lower() or _ends_early(source)):
            raise _truncated(source, "copy the file again") from error
        raise
    except Exception as error:  # decoders raise errors of every kind
        raise InputError(f"damaged ({error})", path=path, cure=_PAINT_THE_REST) from error
    with image:
        yield image


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
            raise _truncated(source, _PAINT_THE_REST) from error
        cure = "" if source is None else _PAINT_THE_REST
        raise InputError(f"damaged ({error})", path=path, cure=cure) from error


@contextmanager
def raised_limits(max_pixels: int, *, allow_truncated: bool) -> Iterator[None]:
    """Raise Pillow's own limits to what was asked for.

    Its settings are the process's: a thread that changes them waits for others that do, but
    pictures that are read meanwhile without a change are read under them as well.
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


def _truncated(source: Path | bytes, cure: str) -> InputError:
    path = source if isinstance(source, Path) else None
    size = path.stat().st_size if path else len(source)  # type: ignore[arg-type]
    return InputError(f"truncated after {size:,} bytes", path=path, cure=cure)


def _ends_early(source: Path | bytes) -> bool:
    """Return whether a PNG or JPEG lacks its end mark, or a WebP is shorter than it declares."""
    data = source.read_bytes() if isinstance(source, Path) else source
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-16:]
    if data.startswith(b"RIFF"):
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    return data.startswith(b"\xff\xd8") and b"\xff\xd9" not in data[-64:]


def _unknown(source: Path | bytes) -> str:
    """Describe a file that is no picture by its first bytes."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            head = file.read(64)
    else:
        head = bytes(source[:64])
    if not head:
        return "is empty"
    kinds = {
        b"%!PS": "PostScript", b"%PDF": "a PDF document", b"<svg": "an SVG drawing",
        b"<?xml": "an XML document", b"<!DOC": "a web page", b"<html": "a web page",
        b"version https://git-lfs": "a Git LFS pointer", b"PK\x03\x04": "a zip archive",
    }  # fmt: skip
    for start, kind in kinds.items():
        if head.lstrip().startswith(start):
            return f"not a picture (looks like {kind})"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"heim", b"hevc"):
        return "HEIC is not read; save it as JPEG or PNG"
    if (head[4:8] == b"ftyp" and head[8:11] != b"avi") or head[:4] == b"\x1aE\xdf\xa3":
        return "is a video; nst-rt video paints it"
    if head.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8")) or b"ftypavi" in head[:12]:
        return "damaged or truncated near its beginning; copy the file again"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "is TIFF of a kind that is not read; save it as RGB with 8 or 16 bits"
    return f"not a picture of a known kind ({', '.join(READ_FORMATS)})"

"""Painting of pictures of any kind: arrays, images, bytes, files, frames, arrays on a GPU."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import InputError, OutputError, UsageError
from nst_rt.images import (
    Picture,
    as_rgb_array,
    check_fits,
    check_out,
    encode_picture,
    format_of,
    from_pil,
    read_picture,
    to_pil,
    write_picture,
)
from nst_rt.images.arrays import Color, Layout
from nst_rt.model import style_name
from nst_rt.nvidia.device_array import is_device_array
from nst_rt.options import PaintOptions
from nst_rt.painting.painter import Painter
from nst_rt.pixels import Pixels
from nst_rt.system.arguments import file_path
from nst_rt.system.atomic import is_replaceable


class VideoFrame(Protocol):
    """A picture of a video, like `nst_rt.video.frames.Frame`."""

    @property
    def rgb(self) -> Pixels:
        """uint8 H×W×3."""

    def painted(self, rgb: Pixels) -> Self:
        """Return the same frame with other pixels."""


@dataclass(frozen=True)
class AnyPicturePainter:
    """Painter of pictures of any kind, with a painter of RGB arrays.

    `allow_truncated` is whether the missing end of a truncated file may stay gray.
    """

    painter: Painter
    allow_truncated: bool

    def paint(
        self,
        picture: Any,
        options: PaintOptions,
        *,
        color: Color,
        layout: Layout,
        output: str | PathLike[str] | None,
        overwrite: bool,
        out: Pixels | None,
    ) -> Any:
        """Paint a picture and return a painting of the same kind, see `Stylizer.__call__`."""
        if out is not None and not isinstance(picture, np.ndarray):
            raise UsageError("out is for an array alone", cure="take what is returned")
        if isinstance(picture, str | PathLike):
            target = None if output is None else file_path("output", output)
            path = file_path("picture", picture)
            return self._paint_file(path, options, target, overwrite=overwrite)
        if output is not None:
            raise UsageError("output is for a path alone", cure="save what is returned")
        if isinstance(picture, np.ndarray):
            return self._paint_array(picture, options, color, layout, out)
        if isinstance(picture, bytes | bytearray) or _is_bytes_view(picture):
            return self._paint_bytes(bytes(picture), options)
        if _is_pil(picture):
            decoded = from_pil(picture, self.painter.limits)
            return to_pil(self.paint_decoded(decoded, options))
        if is_device_array(picture):
            if (color, layout) != ("rgb", "hwc"):
                raise UsageError("a picture in GPU memory is RGB, H×W×3", cure="reorder it there")
            return self.painter.paint_array(picture, options)
        if hasattr(picture, "painted"):
            return picture.painted(self.painter.paint(picture.rgb, options))
        raise InputError(
            f"expected an array, PIL image, bytes or path, got {type(picture).__name__}",
            cure=_cure_for(picture),
        )

    def paint_decoded(self, picture: Picture, options: PaintOptions) -> Picture:
        """Paint the pixels; alpha, format and metadata stay."""
        given: object = picture
        if not isinstance(given, Picture):
            raise InputError(
                f"expected a decoded Picture, got {type(given).__name__}",
                cure="call the Stylizer itself, which takes pictures of any kind",
            )
        return picture.replace_pixels(self.painter.paint(picture.rgb, options))

    def _read(self, source: Path | bytes) -> Picture:
        return read_picture(source, self.painter.limits, allow_truncated=self.allow_truncated)

    def _paint_file(
        self,
        path: Path,
        options: PaintOptions,
        target: Path | None,
        *,
        overwrite: bool,
    ) -> Path:
        if target is None:
            named = f"{path.stem}-{style_name(self.painter.model.path)}{path.suffix}"
            target = path.with_name(named)
        kind = format_of(target)
        if os.path.lexists(target) and not overwrite:
            raise UsageError("exists already", path=target, cure="pass overwrite=True")
        if not is_replaceable(target):
            raise OutputError("is neither a file nor a link", path=target, cure="choose another")
        picture = self._read(path)
        check_fits(picture, kind)
        write_picture(self.paint_decoded(picture, options), target)
        return target

    def _paint_bytes(self, data: bytes, options: PaintOptions) -> bytes:
        picture = self._read(data)
        check_fits(picture, picture.format)
        return encode_picture(self.paint_decoded(picture, options))

    def _paint_array(
        self,
        array: NDArray[Any],
        options: PaintOptions,
        color: Color,
        layout: Layout,
        out: Pixels | None,
    ) -> Pixels:
        pixels, alpha = as_rgb_array(array, color=color, layout=layout)
        if out is not None:
            check_out(out, array.shape)
        as_given = alpha is None and (color, layout) == ("rgb", "hwc")
        painted = self._paint_pixels(pixels, options, out if as_given else None)
        if color == "bgr":
            painted = painted[..., ::-1]
        if alpha is not None:
            painted = np.concatenate([painted, alpha[..., None]], axis=-1)
        if layout == "chw":
            painted = np.moveaxis(painted, -1, -3)
        if out is None:
            return np.ascontiguousarray(painted)
        if painted is not out:
            out[...] = painted
        return out

    def _paint_pixels(self, pixels: Pixels, options: PaintOptions, out: Pixels | None) -> Pixels:
        """Paint (N×)H×W×3 into `out`, or a new array."""
        if pixels.ndim == 3:
            return self.painter.paint(pixels, options, out=out)
        if out is not None and _is_shifted(pixels, out):
            pixels = pixels.copy()  # a painting would replace a picture that is still to be painted
        paintings = np.empty_like(pixels) if out is None else out
        for one, place in zip(pixels, paintings, strict=True):
            self.painter.paint(one, options, out=place)
        return paintings


def _cure_for(picture: object) -> str:
    """Return the cure for an object of another type: how it becomes a picture."""
    if isinstance(picture, list | tuple):
        return "call it once per picture, or stack them N×H×W×3"
    if hasattr(picture, "read"):
        return "pass its bytes: file.read()"
    is_array = hasattr(picture, "__array__") or isinstance(picture, memoryview)
    return "pass numpy.asarray of it" if is_array else ""


def _is_bytes_view(picture: object) -> bool:
    """Return whether it is a memoryview of bytes in a row, not of an array."""
    return isinstance(picture, memoryview) and picture.ndim == 1


def _is_shifted(pixels: Pixels, out: Pixels) -> bool:
    """Return whether two arrays of one shape overlap without being the same."""
    return pixels.ctypes.data != out.ctypes.data and np.may_share_memory(pixels, out)


def _is_pil(picture: object) -> bool:
    """Return whether it is a PIL image, also of a plug-in; if so, Pillow is loaded already."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(picture, module.Image)

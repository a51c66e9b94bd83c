"""Conversion between YUV and RGB with the stream's own matrix and range, and their tags.

Numbers are those of ITU-T H.273, as in FFmpeg: matrix 1 is BT.709, 5 and 6 are BT.601, 9 is
BT.2020; transfer 16 is PQ and 18 is HLG.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.video.containers import pyav

RGB, BT709, UNSPECIFIED, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020 = 0, 1, 2, 4, 5, 6, 7, 9
LIMITED, FULL = 1, 2
PQ, HLG = 16, 18
_HDR = {PQ: "PQ", HLG: "HLG"}
_SWSCALE = {BT709: 1, FCC: 4, BT470BG: 5, SMPTE170M: 5, SMPTE240M: 7, BT2020: 9, 10: 9}
"""swscale's numbers of the matrices, by the numbers of the tags."""
_DEEPER = {"yuv420p": "yuv420p10le", "yuv444p": "yuv444p10le"}
_HD_LINES = 720
"""Number of lines from which an untagged video is treated as BT.709, below as BT.601."""


@dataclass(frozen=True)
class Color:
    """The colour coding of a video, in numbers of H.273; `range` is 1 for limited, 2 for full."""

    matrix: int
    primaries: int
    transfer: int
    range: int

    @property
    def hdr(self) -> str:
        """PQ or HLG, empty for standard dynamic range."""
        return _HDR.get(self.transfer, "")

    def tag(self, codec_context: Any) -> None:
        """Write the tags into an encoder."""
        codec_context.colorspace = self.matrix
        codec_context.color_primaries = self.primaries
        codec_context.color_trc = self.transfer
        codec_context.color_range = self.range


BT709_VIDEO = Color(BT709, BT709, BT709, LIMITED)
"""Colour coding of high-definition video of standard range."""


def color_of(frame: Any) -> Color:
    """Return the colour coding of a decoded frame; players' defaults replace missing tags."""
    matrix = int(frame.colorspace)
    if matrix not in _SWSCALE:
        matrix = BT709 if matrix == RGB or frame.height >= _HD_LINES else SMPTE170M
    standard = {BT470BG: BT470BG, SMPTE170M: SMPTE170M, BT2020: BT2020, 10: BT2020}.get(
        matrix, BT709
    )
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    color_range = int(frame.color_range)
    if color_range not in (LIMITED, FULL):
        color_range = FULL if frame.format.name.startswith("yuvj") else LIMITED
    if frame.format.is_rgb:
        color_range = LIMITED  # of the coded painting; the frame itself has full range
    return Color(
        matrix,
        standard if primaries in (0, UNSPECIFIED) else primaries,
        {BT470BG: SMPTE170M, BT2020: 14}.get(standard, standard)
        if transfer in (0, UNSPECIFIED)
        else transfer,
        color_range,
    )


def assumed_color(height: int) -> Color:
    """Return the colour coding of untagged pictures with this number of lines."""
    standard = BT709 if height >= _HD_LINES else SMPTE170M
    return Color(standard, standard, standard, LIMITED)


def to_rgb(frame: Any, color: Color, width: int, height: int) -> NDArray[np.uint8]:
    """Convert a decoded frame to a new array uint8 H×W×3 RGB of `width`×`height`."""
    pixels: NDArray[np.uint8] = _decoded(frame, color, width, height, "rgb24").to_ndarray()
    return pixels


def to_deep_rgb(frame: Any, color: Color) -> Any:
    """Convert a decoded frame to 16 bits R'G'B', keeping its primaries and transfer.

    The result is planar: with our flags, swscale mixes up the channels of packed formats.
    """
    return _decoded(frame, color, frame.width, frame.height, "gbrp16le")


def _decoded(frame: Any, color: Color, width: int, height: int, pixel_format: str) -> Any:
    rgb = frame.format.is_rgb
    return _reformatter().reformat(
        frame,
        width=width,
        height=height,
        format=pixel_format,
        src_colorspace=None if rgb else _SWSCALE[color.matrix],
        src_color_range=FULL if rgb else color.range,
        dst_color_range=FULL,
        interpolation=_accurate(),
    )


def from_rgb(pixels: NDArray[np.uint8], color: Color, pixel_format: str) -> Any:
    """Convert uint8 H×W×3 RGB to a frame for an encoder, with the tags of its coding."""
    frame = pyav().VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), "rgb24")
    if color.range == FULL and pixel_format in _DEEPER:
        converted = _full_range(_coded(frame, color, _DEEPER[pixel_format], LIMITED), pixel_format)
    else:
        converted = _coded(frame, color, pixel_format, color.range)
    converted.colorspace, converted.color_range = color.matrix, color.range
    converted.color_primaries, converted.color_trc = color.primaries, color.transfer
    return converted


def _coded(frame: Any, color: Color, pixel_format: str, color_range: int) -> Any:
    return _reformatter().reformat(
        frame,
        format=pixel_format,
        src_color_range=FULL,
        dst_colorspace=_SWSCALE[color.matrix],
        dst_color_range=color_range,
        interpolation=_accurate(),
    )


def _full_range(deep: Any, pixel_format: str) -> Any:
    """Convert limited range of 10 bits to full range of 8.

    swscale does not do this well: it truncates chroma of full range instead of rounding it, so that
    every generation would be greener.
    """
    samples, (luma, chroma) = deep.to_ndarray(), _full_range_tables()
    lines = 1 if samples.ndim == 3 else deep.height  # planes separate, or below each other
    coded = np.concatenate([luma.take(samples[:lines]), chroma.take(samples[lines:])])
    return pyav().VideoFrame.from_ndarray(coded, pixel_format)


@cache
def _full_range_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return lookup tables of 1,024 levels for luma and chroma."""
    levels = np.arange(1024)
    luma, chroma = (levels - 64) * 255 / 876, (levels - 512) * 255 / 896 + 128
    full = [np.clip(np.rint(table), 0, 255).astype(np.uint8) for table in (luma, chroma)]
    return full[0], full[1]


_local = threading.local()


def _reformatter() -> Any:
    """Return this thread's converter, which keeps its tables while the sizes stay the same."""
    if not hasattr(_local, "reformatter"):
        pyav()
        from av.video.reformatter import VideoReformatter

        _local.reformatter = VideoReformatter()
    return _local.reformatter


@cache
def _accurate() -> int:
    """Return flags of swscale without which colours are off by up to 3 levels."""
    from av.video.reformatter import Interpolation

    flags = (
        Interpolation.BILINEAR
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.FULL_CHR_H_INP
    )
    return int(flags)

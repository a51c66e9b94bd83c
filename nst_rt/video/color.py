"""YUV to RGB and back by the stream's own matrix and range, and the tags that say so.

Numbers are those of ITU-T H.273 as FFmpeg has them: matrix 1 is BT.709, 5 and 6 are BT.601, 9 is
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
"""The matrices that swscale has, by the number of the tag."""
_DEEPER = {"yuv420p": "yuv420p10le", "yuv444p": "yuv444p10le"}
_HD_LINES = 720
"""From here on an untagged video is taken for BT.709, below for BT.601."""


@dataclass(frozen=True)
class Color:
    """How a video codes its colours: numbers of H.273, `range` 1 for limited and 2 for full."""

    matrix: int
    primaries: int
    transfer: int
    range: int

    @property
    def hdr(self) -> str:
        """PQ or HLG, empty for a video of standard range."""
        return _HDR.get(self.transfer, "")

    def tag(self, codec_context: Any) -> None:
        """Write the tags into an encoder."""
        codec_context.colorspace = self.matrix
        codec_context.color_primaries = self.primaries
        codec_context.color_trc = self.transfer
        codec_context.color_range = self.range


BT709_VIDEO = Color(BT709, BT709, BT709, LIMITED)
"""What high-definition video of standard range is coded in."""


def color_of(frame: Any) -> Color:
    """What a decoded frame's tags say, and what players take where they say nothing."""
    matrix = int(frame.colorspace)
    if matrix not in _SWSCALE:
        matrix = BT709 if matrix == RGB or frame.height >= _HD_LINES else SMPTE170M
    standard = {BT470BG: BT470BG, SMPTE170M: SMPTE170M, BT2020: BT2020, 10: BT2020}.get(
        matrix, BT709
    )
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    told = int(frame.color_range)
    if told not in (LIMITED, FULL):
        told = FULL if frame.format.name.startswith("yuvj") else LIMITED
    if frame.format.is_rgb:
        told = LIMITED  # what the painting is coded in; the frame itself is full
    return Color(
        matrix,
        standard if primaries in (0, UNSPECIFIED) else primaries,
        {BT470BG: SMPTE170M, BT2020: 14}.get(standard, standard)
        if transfer in (0, UNSPECIFIED)
        else transfer,
        told,
    )


def assumed_color(height: int) -> Color:
    """How pictures of this many lines are coded where nothing says otherwise."""
    standard = BT709 if height >= _HD_LINES else SMPTE170M
    return Color(standard, standard, standard, LIMITED)


def to_rgb(frame: Any, color: Color, width: int, height: int) -> NDArray[np.uint8]:
    """A decoded frame as uint8 H×W×3 RGB of `width`×`height`, which is a new array."""
    pixels: NDArray[np.uint8] = _decoded(frame, color, width, height, "rgb24").to_ndarray()
    return pixels


def to_deep_rgb(frame: Any, color: Color) -> Any:
    """A decoded frame as one of 16 bits R'G'B', of the primaries and transfer that it has.

    Its planes are apart: swscale mixes up the channels of packed ones under our flags.
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
    """uint8 H×W×3 RGB as a frame for an encoder, tagged as it is coded."""
    frame = pyav().VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), "rgb24")
    if color.range == FULL and pixel_format in _DEEPER:
        converted = _full_range(_coded(frame, color, _DEEPER[pixel_format], LIMITED), pixel_format)
    else:
        converted = _coded(frame, color, pixel_format, color.range)
    converted.colorspace, converted.color_range = color.matrix, color.range
    converted.color_primaries, converted.color_trc = color.primaries, color.transfer
    return converted


def _coded(frame: Any, color: Color, pixel_format: str, told: int) -> Any:
    return _reformatter().reformat(
        frame,
        format=pixel_format,
        src_color_range=FULL,
        dst_colorspace=_SWSCALE[color.matrix],
        dst_color_range=told,
        interpolation=_accurate(),
    )


def _full_range(deep: Any, pixel_format: str) -> Any:
    """Limited range of 10 bits as full range of 8.

    swscale does not do this well by itself: its chroma of full range is cut off where it should be
    rounded, so that every generation would be greener.
    """
    samples, (luma, chroma) = deep.to_ndarray(), _full_range_tables()
    lines = 1 if samples.ndim == 3 else deep.height  # planes apart, or below each other
    coded = np.concatenate([luma.take(samples[:lines]), chroma.take(samples[lines:])])
    return pyav().VideoFrame.from_ndarray(coded, pixel_format)


@cache
def _full_range_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What becomes of each of 1,024 levels of luma and of chroma."""
    levels = np.arange(1024)
    luma, chroma = (levels - 64) * 255 / 876, (levels - 512) * 255 / 896 + 128
    full = [np.clip(np.rint(table), 0, 255).astype(np.uint8) for table in (luma, chroma)]
    return full[0], full[1]


_local = threading.local()


def _reformatter() -> Any:
    """A converter a thread: each keeps its tables while the sizes stay the same."""
    if not hasattr(_local, "reformatter"):
        pyav()
        from av.video.reformatter import VideoReformatter

        _local.reformatter = VideoReformatter()
    return _local.reformatter


@cache
def _accurate() -> int:
    """Flags of swscale: without them colours are off by up to 3 levels."""
    from av.video.reformatter import Interpolation

    flags = (
        Interpolation.BILINEAR
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.FULL_CHR_H_INP
    )
    return int(flags)

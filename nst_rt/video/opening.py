"""Pipes, animations and pictures in folders, told apart by name."""

from __future__ import annotations

import os
from fractions import Fraction
from os import PathLike
from pathlib import Path

from nst_rt.arguments import whole_number
from nst_rt.errors import UsageError
from nst_rt.images import DEFAULT_MAX_PIXELS
from nst_rt.video.animations import ANIMATIONS, AnimationSink, AnimationSource
from nst_rt.video.frames import FrameSink, FrameSource
from nst_rt.video.pipes import STANDARD, Inflow, Outflow, Write
from nst_rt.video.rate import DEFAULT_RATE, checked_rate
from nst_rt.video.rawvideo import PixelFormat, RawVideoSink, RawVideoSource
from nst_rt.video.sequences import ImageSequenceSink, ImageSequenceSource, is_sequence
from nst_rt.video.yuv4mpeg import MAGIC, Y4mSink, Y4mSource

_RAW: dict[str, PixelFormat] = {".rgb": "rgb24", ".bgr": "bgr24"}
_Y4M = ".y4m"


def is_of_frames(name: str) -> bool:
    """Whether a name is that of a pipe, an animation or a sequence, and not of a video file."""
    known = (*ANIMATIONS, *_RAW, _Y4M)
    return name == STANDARD or is_sequence(name) or Path(name).suffix.lower() in known


def open_source(
    name: str | PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    rate: Fraction | None = None,
    pixel_format: PixelFormat | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> FrameSource | None:
    """Open what is a pipe, an animation or a sequence of pictures; None for a file of other kinds.

    Args:
        name: "-" for standard input; a .y4m, .rgb, .bgr, .gif, .webp, .apng or .png file; a folder;
            a pattern such as `frames/%05d.png`.
        size: height and width of raw pixels, which do not say them.
        rate: frames per second of what does not say it (25 otherwise), or in place of what a y4m
            header says.
        pixel_format: that of raw pixels; on standard input it says that there are some.
        max_pixels: larger frames are refused.

    Raises:
        UsageError: raw pixels without a size, or a rate that is none.
        InputError: it cannot be read, or is something else.
    """
    name, suffix = os.fspath(name), Path(name).suffix.lower()
    constant = DEFAULT_RATE if rate is None else checked_rate(rate)
    max_pixels = whole_number("max_pixels", max_pixels)
    if name != STANDARD and is_sequence(name):
        return ImageSequenceSource(name, rate=constant, max_pixels=max_pixels)
    if suffix in ANIMATIONS:
        return AnimationSource(Path(name), max_pixels=max_pixels)
    if name != STANDARD and suffix not in (*_RAW, _Y4M):
        return None
    inflow = Inflow(name)
    try:
        raw = pixel_format or _RAW.get(suffix)
        if name == STANDARD and size and not raw and inflow.peek(len(MAGIC)) != MAGIC:
            raw = "rgb24"
        if not raw:
            return Y4mSource(inflow, rate=rate, max_pixels=max_pixels)
        if size is None:
            raise UsageError(
                "raw pixels do not say their size", path=inflow.name, cure="add --size WIDTHxHEIGHT"
            )
        return RawVideoSource(inflow, size, rate=constant, pixel_format=raw, max_pixels=max_pixels)
    except BaseException:
        inflow.close()
        raise


def open_sink(
    name: str | PathLike[str],
    like: FrameSource,
    size: tuple[int, int],
    *,
    pixel_format: PixelFormat | None = None,
    write: Write | None = None,
    overwrite: bool = False,
    quality: int = 95,
) -> FrameSink | None:
    """Open an output of these kinds; None for a video file.

    Args:
        name: "-" for standard output, or as in `open_source`.
        like: gives rate and number of plays; on standard output, raw pixels come out where raw
            pixels went in, and y4m otherwise.
        size: height and width of the frames.
        pixel_format: raw pixels of this order on standard output, whatever went in.
        write: takes the bytes for standard output; by default they go there.
        overwrite: whether files that are there may be replaced.
        quality: of formats that lose some, 1 to 100.

    Raises:
        UsageError: it exists already.
        OutputError: it cannot be written.
    """
    name, path, suffix = os.fspath(name), Path(name), Path(name).suffix.lower()
    if name != STANDARD and is_sequence(name):
        return ImageSequenceSink(name, overwrite=overwrite, quality=quality)
    if name != STANDARD and suffix not in (*ANIMATIONS, *_RAW, _Y4M):
        return None
    if name != STANDARD and os.path.lexists(path) and not overwrite:
        raise UsageError("exists already", path=path, cure="add --overwrite")
    if suffix in ANIMATIONS:
        return AnimationSink(path, like, quality=quality)
    raw = _RAW.get(suffix)
    if name == STANDARD:
        raw = pixel_format or getattr(like, "pixel_format", None)
    outflow = Outflow(name, write)
    return RawVideoSink(outflow, pixel_format=raw) if raw else Y4mSink(outflow, like, size)

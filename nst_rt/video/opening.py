"""Choosing the source or sink of frames that a name stands for."""

from __future__ import annotations

import os
from fractions import Fraction
from os import PathLike
from pathlib import Path

from nst_rt.errors import UsageError
from nst_rt.images import DEFAULT_MAX_PIXELS
from nst_rt.system.arguments import whole_number
from nst_rt.video.animations import ANIMATIONS, AnimationSink, AnimationSource
from nst_rt.video.encoding import DEFAULT_ENCODING, Encoding
from nst_rt.video.files import VideoFileSink, VideoFileSource
from nst_rt.video.frames import FrameSink, FrameSource
from nst_rt.video.pipes import STANDARD, ByteReader, ByteWriter, Write
from nst_rt.video.rate import DEFAULT_RATE, checked_rate
from nst_rt.video.rawvideo import PixelFormat, RawVideoSink, RawVideoSource
from nst_rt.video.selection import EVERYTHING, Selection
from nst_rt.video.sequences import ImageSequenceSink, ImageSequenceSource, is_sequence
from nst_rt.video.targets import refuse_existing
from nst_rt.video.trimmed import TrimmedSource
from nst_rt.video.yuv4mpeg import MAGIC, Y4mSink, Y4mSource

_RAW: dict[str, PixelFormat] = {".rgb": "rgb24", ".bgr": "bgr24"}
_Y4M = ".y4m"
_NO_RATE = "leave rate (--rate) out"


def is_video_file(name: str) -> bool:
    """Return whether a name stands for a video file: no pipe, animation or sequence of pictures."""
    others = (*ANIMATIONS, *_RAW, _Y4M)
    return name != STANDARD and not is_sequence(name) and Path(name).suffix.lower() not in others


def open_source(
    name: str | PathLike[str],
    *,
    selection: Selection = EVERYTHING,
    size: tuple[int, int] | None = None,
    rate: Fraction | float | None = None,
    pixel_format: PixelFormat | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> FrameSource:
    """Open a source of frames.

    Args:
        name: "-" for standard input; a .y4m, .rgb, .bgr, .gif, .webp, .apng or .png file; a folder;
            a pattern such as `frames/%05d.png`; any other name is that of a video file.
        selection: which frames.
        size: height and width of raw pixels, which do not contain them.
        rate: frames per second of sources that do not contain it (25 by default), or in place of
            what a y4m header says.
        pixel_format: order of raw pixels; on standard input it announces raw pixels.
        max_pixels: larger frames of any source but a video file are refused.

    Raises:
        UsageError: raw pixels without a size, or a rate that is invalid or does not apply.
        InputError: it cannot be read, or is something else.
    """
    name = os.fspath(name)
    max_pixels = whole_number("max_pixels", max_pixels)
    if is_video_file(name):
        if rate is not None:
            raise UsageError("a video file has its own times", cure=_NO_RATE)
        return VideoFileSource(Path(name), selection)
    checked = None if rate is None else checked_rate(rate)
    source: FrameSource
    if name != STANDARD and is_sequence(name):
        source = ImageSequenceSource(name, rate=checked or DEFAULT_RATE, max_pixels=max_pixels)
    elif Path(name).suffix.lower() in ANIMATIONS:
        if rate is not None:
            raise UsageError("an animation has its own times", cure=_NO_RATE)
        source = AnimationSource(Path(name), max_pixels=max_pixels)
    else:
        source = _open_pipe(name, size, checked, pixel_format, max_pixels)
    if selection.start or selection.duration is not None:
        return TrimmedSource(source, selection)
    return source


def _open_pipe(
    name: str,
    size: tuple[int, int] | None,
    rate: Fraction | None,
    pixel_format: PixelFormat | None,
    max_pixels: int,
) -> FrameSource:
    """Open y4m or raw pixels, from standard input or a file."""
    reader = ByteReader(name)
    try:
        raw = pixel_format or _RAW.get(Path(name).suffix.lower())
        if name == STANDARD and size and not raw and reader.peek(len(MAGIC)) != MAGIC:
            raw = "rgb24"
        if not raw:
            return Y4mSource(reader, rate=rate, max_pixels=max_pixels)
        if size is None:
            raise UsageError(
                "raw pixels do not contain their size",
                path=reader.name,
                cure="pass size=(height, width) (--size WIDTHxHEIGHT)",
            )
        return RawVideoSource(
            reader, size, rate=rate or DEFAULT_RATE, pixel_format=raw, max_pixels=max_pixels
        )
    except BaseException:
        reader.close()
        raise


def open_sink(
    name: str | PathLike[str],
    like: FrameSource,
    size: tuple[int, int],
    *,
    encoding: Encoding = DEFAULT_ENCODING,
    pixel_format: PixelFormat | None = None,
    write: Write | None = None,
    overwrite: bool = False,
    quality: int = 95,
) -> FrameSink:
    """Open a sink of frames.

    Args:
        name: "-" for standard output, or as in `open_source`.
        like: source whose rate and number of plays are kept; raw pixels from it leave standard
            output as raw pixels, everything else as y4m.
        size: height and width of the frames.
        encoding: of a video file.
        pixel_format: order of raw pixels on standard output, whatever the source.
        write: takes the bytes for standard output; by default they go there.
        overwrite: whether existing files may be replaced.
        quality: of lossy picture formats, 1 to 100.

    Raises:
        UsageError: it exists already, or a video file of this kind cannot be written.
        ProviderError: the encoder is not available.
        OutputError: it cannot be written.
    """
    name, path = os.fspath(name), Path(name)
    suffix = path.suffix.lower()
    if name == STANDARD:
        raw = pixel_format or getattr(like, "pixel_format", None)
        writer = ByteWriter(name, write)
        return RawVideoSink(writer, pixel_format=raw) if raw else Y4mSink(writer, like, size)
    if is_sequence(name):
        return ImageSequenceSink(name, overwrite=overwrite, quality=quality)
    refuse_existing(path, overwrite=overwrite)
    if suffix in ANIMATIONS:
        return AnimationSink(path, like, quality=quality)
    if suffix in _RAW:
        return RawVideoSink(ByteWriter(name), pixel_format=_RAW[suffix])
    if suffix == _Y4M:
        return Y4mSink(ByteWriter(name), like, size)
    return VideoFileSink(path, like, size, encoding)

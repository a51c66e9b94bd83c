"""Painting a video of any kind into a video of any kind."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, closing, nullcontext
from fractions import Fraction
from os import PathLike
from pathlib import Path

from nst_rt.errors import UnsafeError, UsageError
from nst_rt.system.arguments import file_path
from nst_rt.system.lock import locked
from nst_rt.video.containers import is_address
from nst_rt.video.converted import Converted, Progress
from nst_rt.video.encoding import DEFAULT_ENCODING, Encoding
from nst_rt.video.file_conversion import PART_SECONDS, convert_file
from nst_rt.video.frame_conversion import convert_frames
from nst_rt.video.opening import is_video_file, open_sink, open_source
from nst_rt.video.painters import FramePainter
from nst_rt.video.pipes import STANDARD, Write
from nst_rt.video.rawvideo import PixelFormat
from nst_rt.video.selection import EVERYTHING, Selection
from nst_rt.video.sequences import is_sequence, pattern_of
from nst_rt.video.targets import refuse_source_as_target


def convert(
    source: str | PathLike[str],
    target: str | PathLike[str],
    painter: FramePainter,
    *,
    encoding: Encoding = DEFAULT_ENCODING,
    selection: Selection = EVERYTHING,
    size: tuple[int, int] | None = None,
    rate: Fraction | float | None = None,
    pixel_format: PixelFormat | None = None,
    resume: bool = False,
    overwrite: bool = False,
    part_seconds: float = PART_SECONDS,
    write: Write | None = None,
    progress: Progress | None = None,
) -> Converted:
    """Paint a video file, an animation, a folder of pictures or a pipe into any of these.

    From video file to video file, sound and everything else is copied and the conversion can be
    resumed (see `convert_file`). All other conversions carry pictures and their times alone.

    Args:
        source: a video file; a .y4m, .rgb, .bgr, .gif, .webp, .apng or .png file; a folder; a
            pattern such as `frames/%05d.png`; "-" for standard input.
        target: as `source`, with "-" for standard output; a folder that does not exist ends in a
            slash. Video files are .mp4, .m4v, .mov, .mkv or .webm.
        painter: paints the frames.
        encoding: of a video file; by default H.264 at constant quality (VP9 for .webm).
        selection: which frames; by default all, of a video file those of the largest stream. Other
            sources have `start` and `duration` alone.
        size: height and width of raw pixels, which do not contain them.
        rate: frames per second of raw pixels and pictures in a folder (25 by default), or in place
            of what a y4m header says.
        pixel_format: order of raw pixels on standard input and output.
        resume: continue an unfinished conversion from video file to video file.
        overwrite: replace existing outputs, and restart an unfinished conversion.
        part_seconds: length of the parts of a conversion that can be resumed.
        write: takes the bytes for standard output; by default they go there.
        progress: called after every frame.

    Raises:
        InputError: the source cannot be used.
        UnsafeError: the source is an address, or a list of other files.
        UsageError: the arguments do not fit together, the output exists or is being written, or an
            unfinished conversion differs.
        ProviderError: the encoder is not available.
        OutputError: the output cannot be written.
    """
    source, target = _name("source", source), _name("target", target)
    if is_address(source):
        raise UnsafeError(
            "is an address on a network, not a file",
            path=source,
            cure="download it, or paint it live (nst-rt live ADDRESS --allow-network)",
        )
    if is_video_file(source) and is_video_file(target) and rate is None:
        return convert_file(
            source,
            target,
            painter,
            encoding=encoding,
            selection=selection,
            resume=resume,
            overwrite=overwrite,
            part_seconds=part_seconds,
            progress=progress,
        )
    frames = open_source(
        source, selection=selection, size=size, rate=rate, pixel_format=pixel_format
    )
    with closing(frames):
        if resume:
            raise UsageError(
                "only a conversion from video file to video file can be resumed",
                cure="leave resume (--resume) out",
            )
        if STANDARD not in (source, target):
            refuse_source_as_target(_place(source), _place(target))
        with _locked(target):
            sink = open_sink(
                target,
                frames,
                painter.output_size(frames.height, frames.width),
                encoding=encoding,
                pixel_format=pixel_format,
                write=write,
                overwrite=overwrite,
            )
            return convert_frames(frames, sink, painter, progress=progress, name=target)


def _name(argument: str, value: object) -> str:
    """Return a name as it was given: a `Path` would drop the slash that marks a new folder."""
    name = os.fsdecode(value) if isinstance(value, str | bytes | PathLike) else ""
    if Path(name).name or not name:  # "." and "/" are folders, which have no name
        file_path(argument, value)
    return name


def _place(name: str) -> Path:
    """Return the path that holds a video: its file, or the folder of its pictures."""
    return pattern_of(name).parent if is_sequence(name) else Path(name)


def _locked(target: str) -> AbstractContextManager[None]:
    if target == STANDARD:
        return nullcontext()
    return locked(pattern_of(target) if is_sequence(target) else Path(target))

"""`nst-rt video`: paint a video."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, get_args

import click

from nst_rt.commands.conversion import Request, VideoSize, convert_all
from nst_rt.commands.options import (
    DEFAULT_STYLE,
    blend_options,
    device_options,
    parse_working_size,
    size_option,
    style_option,
)
from nst_rt.commands.parameters import FiniteRange
from nst_rt.commands.stdout import clean_stdout
from nst_rt.sizes import parse_size
from nst_rt.video.rate import checked_rate
from nst_rt.video.selection import Hdr, seconds_of


def _seconds(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> Fraction | None:
    """Parse seconds, or [hours:]minutes:seconds."""
    if text is None:
        return None
    try:
        total = seconds_of(text)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{text!r} is not a time; write 12.5 or 1:02:03") from None
    if total < 0:
        raise click.BadParameter("a time cannot be negative")
    return total


def _size(context: click.Context, parameter: click.Parameter, text: str) -> VideoSize:
    """Parse a long side to paint at, the size of raw pixels, or "full"."""
    try:
        frame = parse_size(text)
    except ValueError:
        return VideoSize(parse_working_size(context, parameter, text))
    return VideoSize(max(frame), frame)


def _rate(context: click.Context, parameter: click.Parameter, text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{text!r} is not a rate; write 25 or 30000/1001") from None
    return checked_rate(rate)


@click.command(
    epilog="IN and OUT are video files; or - (standard input and output: y4m, or raw pixels with "
    "--size), .y4m, .gif, .webp, .apng, a folder of pictures or frames/%05d.png. From file to "
    "file sound, subtitles, chapters and tags are copied, and a stopped conversion continues with "
    "the same command and --resume."
)
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@style_option(
    "styles",
    multiple=True,
    default=(DEFAULT_STYLE,),
    further=", or a time line of them: 0:starry-night,5:great-wave. Given several times, each "
    "style gets a file: OUT contains {style}",
)
@click.option("--side-by-side", is_flag=True, help="Show several styles in one picture.")
@click.option(
    "--fade",
    metavar="SECONDS",
    default="1",
    show_default=True,
    callback=_seconds,
    help="Duration of a change of style.",
)
@size_option(
    "PIXELS|WIDTHxHEIGHT|full",
    callback=_size,
    further="; larger frames get their size and detail back. For raw pixels, WIDTHxHEIGHT is their "
    "size",
)
@click.option(
    "--rate",
    metavar="FPS",
    callback=_rate,
    help="Frames per second of raw pixels and folders of pictures: 24, 30000/1001.  [25]",
)
@blend_options("video")
@click.option(
    "--steady",
    type=FiniteRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the statistics of earlier frames of a scene, so that what enters the picture "
    "does not change all its colors.",
)
@click.option(
    "--flow",
    type=FiniteRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the previous painting, moved along the motion, against flicker; slow, needs "
    "OpenCV.",
)
@device_options
@click.option(
    "--codec",
    metavar="NAME|hardware",
    help="FFmpeg's name of an encoder, or this machine's hardware encoder.  [libx264; libvpx-vp9 "
    "for .webm]",
)
@click.option("--crf", type=click.IntRange(0, 63), help="Constant quality; lower is better.")
@click.option("--preset", help="Speed of the encoder, in its own terms: slow, fast, 8, …")
@click.option(
    "--pixel-format",
    metavar="NAME",
    help="yuv420p, yuv444p, yuv420p10le, …; rgb24 or bgr24 of raw pixels.",
)
@click.option(
    "--start",
    metavar="TIME",
    default="0",
    callback=_seconds,
    help="Start of the painted section: 12.5 or 1:02:03.  [0]",
)
@click.option(
    "--duration", metavar="TIME", callback=_seconds, help="Length of the painted section."
)
@click.option(
    "--stream", type=click.IntRange(min=0), help="Number of the video stream.  [the largest]"
)
@click.option("--deinterlace", is_flag=True, help="Turn interlaced frames into progressive ones.")
@click.option(
    "--bake-rotation", is_flag=True, help="Rotate the pixels instead of leaving it to the player."
)
@click.option(
    "--hdr",
    type=click.Choice(get_args(Hdr)),
    default="refuse",
    show_default=True,
    help="How to treat high dynamic range: tonemap maps it to standard range, passthrough paints "
    "its code values.",
)
@click.option("--hwaccel", metavar="NAME", help="Hardware decoder: cuda, vaapi, qsv, …")
@click.option(
    "--part-seconds",
    type=FiniteRange(0.1),
    default=10.0,
    show_default=True,
    help="Seconds of video in each part that a conversion writes; a kill costs one part at most.",
)
@click.option("--resume", is_flag=True, help="Continue a stopped conversion.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
@click.option("--strict", is_flag=True, help="Exit with code 3 if a packet was damaged.")
@click.option("--profile", is_flag=True, help="Show where the time went.")
@click.option("--json", "as_json", is_flag=True, help="Print progress and result as JSON lines.")
@click.pass_context
def video(context: click.Context, /, **options: Any) -> None:
    """Paint a video.

    \b
    nst-rt video clip.mp4 painted.mp4 --style great-wave
    nst-rt video clip.mp4 painted.mkv --style 0:starry-night,5:the-scream --fade 2
    nst-rt video clip.mp4 "{style}.mp4" --style starry-night --style great-wave
    """  # noqa: D301 - click looks for the character itself
    request = Request(**options)
    with clean_stdout() as results:
        code = convert_all(request, context.obj, results)
    context.exit(code)

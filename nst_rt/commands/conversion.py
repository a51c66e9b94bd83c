"""The conversions that one call of `nst-rt video` makes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, get_args

from nst_rt.commands.console import Console
from nst_rt.commands.conversion_report import hint_at_resuming, report_result, shown_progress
from nst_rt.commands.exit_codes import SOME_FAILED
from nst_rt.commands.naming import STANDARD
from nst_rt.commands.options import PaintingRequest
from nst_rt.commands.stdout import Results
from nst_rt.errors import UsageError, shown
from nst_rt.options import Size
from nst_rt.sessions.threads import allowed_threads
from nst_rt.stylizer import Stylizer
from nst_rt.video import (
    Encoding,
    FramePainter,
    Selection,
    SideBySidePainter,
    SteadyPainter,
    StylePainter,
    convert,
)
from nst_rt.video.job import is_unfinished
from nst_rt.video.rawvideo import PixelFormat
from nst_rt.video.selection import Hdr
from nst_rt.video.timeline import painter_for

_PLACE = "{style}"
_RAW_FORMATS = get_args(PixelFormat)


class VideoSize(NamedTuple):
    """`--size`: the long side to paint at, and height and width of raw pixels if both are given."""

    working: Size
    frame: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Request(PaintingRequest):
    """The options of one call, with the names of the command line."""

    source: str
    target: str
    styles: tuple[str, ...]
    side_by_side: bool
    fade: Fraction
    size: VideoSize
    rate: Fraction | None
    steady: float
    flow: float
    codec: str | None
    crf: int | None
    preset: str | None
    pixel_format: str | None
    start: Fraction
    duration: Fraction | None
    stream: int | None
    deinterlace: bool
    bake_rotation: bool
    hdr: Hdr
    hwaccel: str | None
    part_seconds: float
    resume: bool
    overwrite: bool
    strict: bool
    profile: bool
    as_json: bool

    def outputs(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return every output with the styles that it shows."""
        if len(self.styles) == 1 and _PLACE in self.target:
            name = Path(self.styles[0]).stem
            return [(self.target.replace(_PLACE, name.replace(":", "-")), self.styles)]
        if len(self.styles) == 1 or self.side_by_side:
            return [(self.target, self.styles)]
        if _PLACE not in self.target:
            raise UsageError(
                f"{len(self.styles)} styles cannot become one file",
                cure=f"put {_PLACE} into the output's name, or add --side-by-side",
            )
        if self.source == STANDARD:
            raise UsageError("standard input can be read only once", cure="give one style")
        named = [self.target.replace(_PLACE, Path(style).stem) for style in self.styles]
        if len(set(named)) < len(named):
            raise UsageError("two styles would become one file", cure="name each style once")
        return [(name, (style,)) for name, style in zip(named, self.styles, strict=True)]

    def open_style(self, style: str) -> Stylizer:
        threads = min(self.threads or allowed_threads(), allowed_threads())
        return Stylizer(
            style,
            **self.stylizer_arguments(),
            parallel=1 if self.steady or self.flow else min(threads, 4),
            size=self.size.working,
        )

    def encoding(self) -> Encoding:
        pixel_format = None if self.pixel_format in _RAW_FORMATS else self.pixel_format
        return Encoding(self.codec, self.crf, self.preset, pixel_format)

    def selection(self) -> Selection:
        return Selection(
            start=self.start,
            duration=self.duration,
            stream=self.stream,
            deinterlace=self.deinterlace,
            upright=self.bake_rotation or self.side_by_side,
            hdr=self.hdr,
            hwaccel=self.hwaccel,
        )

    def raw_format(self) -> PixelFormat | None:
        return self.pixel_format if self.pixel_format in _RAW_FORMATS else None  # type: ignore[return-value]


def convert_all(request: Request, console: Console, results: Results) -> int:
    """Make every output and return the exit code."""
    if request.target == STANDARD:
        results.check_takes("a video", as_json=request.as_json, otherwise="name a file")
    damaged = 0
    outputs = request.outputs()
    for target, styles in outputs:
        if request.resume and len(outputs) > 1 and _is_done(target):
            console.note(f"{shown(target)}: exists already")
            continue
        with ExitStack() as opened:
            painter = _painter(request, styles, opened)
            progress = opened.enter_context(
                shown_progress(console, results, target, as_json=request.as_json)
            )
            opened.enter_context(hint_at_resuming(console, target))
            done = convert(
                request.source,
                target,
                painter,
                encoding=request.encoding(),
                selection=request.selection(),
                size=request.size.frame,
                rate=request.rate,
                pixel_format=request.raw_format(),
                resume=request.resume,
                overwrite=request.overwrite,
                part_seconds=request.part_seconds,
                write=results.write,
                progress=progress,
            )
        damaged += done.damaged_packets
        if done.damaged_packets:
            console.warning(f"{shown(request.source)}: {done.damaged_packets} packets are damaged")
        report_result(done, console, results, as_json=request.as_json, profile=request.profile)
    return SOME_FAILED if damaged and request.strict else 0


def _is_done(target: str) -> bool:
    return Path(target).exists() and not is_unfinished(Path(target))


def _painter(request: Request, styles: tuple[str, ...], opened: ExitStack) -> FramePainter:
    def open_painter(style: str) -> FramePainter:
        stylizer = opened.enter_context(request.open_style(style))
        if request.steady or request.flow:
            return SteadyPainter(stylizer, smoothing=request.steady, flow=request.flow)
        return StylePainter(stylizer)

    painters = [painter_for(style, open_painter, fade=request.fade) for style in styles]
    return painters[0] if len(painters) == 1 else SideBySidePainter(painters)

"""What `nst-rt video` does once its options are read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from nst_rt.commands.console import Console
from nst_rt.commands.conversion_report import shown_progress, tell, telling_how_to_resume
from nst_rt.commands.endings import SOME_FAILED
from nst_rt.commands.naming import STANDARD
from nst_rt.commands.stdout import Results
from nst_rt.errors import UnsafeError, UsageError, shown
from nst_rt.options import Size
from nst_rt.sessions import Device, Precision
from nst_rt.stylizer import Stylizer

if TYPE_CHECKING:
    from nst_rt.video import Converted, Encoding, FramePainter, FrameSink, FrameSource, Selection

_PLACE = "{style}"
_RAW_FORMATS = ("rgb24", "bgr24")


class VideoSize(NamedTuple):
    """`--size`: the long side to paint at, and height and width of raw pixels where both stand."""

    working: Size
    frame: tuple[int, int] | None = None


@dataclass(frozen=True)
class Request:
    """The options of one call, named as on the command line."""

    source: str
    target: str
    styles: tuple[str, ...]
    side_by_side: bool
    fade: Fraction
    size: VideoSize
    rate: Fraction | None
    strength: float
    keep_color: bool
    steady: float
    flow: float
    device: Device
    precision: Precision
    threads: int | None
    trust_engine: bool
    codec: str | None
    crf: int | None
    preset: str | None
    pixel_format: str | None
    start: Fraction
    duration: Fraction | None
    stream: int | None
    deinterlace: bool
    bake_rotation: bool
    hdr: Literal["refuse", "tonemap", "passthrough"]
    hwaccel: str | None
    part_seconds: float
    resume: bool
    overwrite: bool
    strict: bool
    profile: bool
    as_json: bool

    def outputs(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every output, with the styles that it shows."""
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
            raise UsageError("standard input is read once", cure="give one style")
        named = [self.target.replace(_PLACE, Path(style).stem) for style in self.styles]
        if len(set(named)) < len(named):
            raise UsageError("two styles would become one file", cure="name each style once")
        return [(name, (style,)) for name, style in zip(named, self.styles, strict=True)]

    def open_style(self, style: str) -> Stylizer:
        from nst_rt.sessions.threads import allowed_threads

        threads = min(self.threads or allowed_threads(), allowed_threads())
        return Stylizer(
            style,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            parallel=1 if self.steady or self.flow else min(threads, 4),
            size=self.size.working,
            strength=self.strength,
            keep_color=self.keep_color,
            trust_engine=self.trust_engine,
        )

    def encoding(self) -> Encoding:
        from nst_rt.video import Encoding

        pixel_format = None if self.pixel_format in _RAW_FORMATS else self.pixel_format
        return Encoding(self.codec, self.crf, self.preset, pixel_format)

    def selection(self) -> Selection:
        from nst_rt.video import Selection

        return Selection(
            start=self.start,
            duration=self.duration,
            stream=self.stream,
            deinterlace=self.deinterlace,
            upright=self.bake_rotation or self.side_by_side,
            hdr=self.hdr,
            hwaccel=self.hwaccel,
        )

    def raw_format(self) -> Literal["rgb24", "bgr24"] | None:
        return self.pixel_format if self.pixel_format in _RAW_FORMATS else None  # type: ignore[return-value]


def convert_all(request: Request, console: Console, results: Results) -> int:
    """Make every output and return the exit code."""
    if request.target == STANDARD:
        if request.as_json:
            raise UsageError("a video and --json cannot share standard output", cure="name a file")
        if results.is_terminal:
            raise UsageError("standard output is a terminal", cure="redirect it, or name a file")
        if results.is_closed:
            raise UsageError("standard output is closed", cure="open it, or name a file")
    damaged = 0
    outputs = request.outputs()
    for target, styles in outputs:
        if request.resume and len(outputs) > 1 and _is_done(target):
            console.note(f"{shown(target)}: is there already")
            continue
        with ExitStack() as opened:
            painter = _painter(request, styles, opened)
            progress = opened.enter_context(
                shown_progress(console, results, target, as_json=request.as_json)
            )
            done = _convert(request, target, painter, progress, console, results)
        damaged += done.damaged_packets
        if done.damaged_packets:
            console.warning(f"{shown(request.source)}: {done.damaged_packets} packets are damaged")
        tell(done, console, results, as_json=request.as_json, profile=request.profile)
    return SOME_FAILED if damaged and request.strict else 0


def _is_done(target: str) -> bool:
    from nst_rt.video.job import is_unfinished

    return Path(target).exists() and not is_unfinished(Path(target))


def _painter(request: Request, styles: tuple[str, ...], opened: ExitStack) -> FramePainter:
    from nst_rt.video import SideBySidePainter, SteadyStylePainter, StylePainter
    from nst_rt.video.painters import painter_of

    def open_painter(style: str) -> FramePainter:
        stylizer = opened.enter_context(request.open_style(style))
        if request.steady or request.flow:
            return SteadyStylePainter(stylizer, smoothing=request.steady, flow=request.flow)
        return StylePainter(stylizer)

    painters = [painter_of(style, open_painter, fade=request.fade) for style in styles]
    return painters[0] if len(painters) == 1 else SideBySidePainter(painters)


def _convert(
    request: Request,
    target: str,
    painter: FramePainter,
    progress: Callable[[int, int | None], None] | None,
    console: Console,
    results: Results,
) -> Converted:
    """From file to file with all that goes along, or frame by frame where either end is none."""
    from nst_rt.lock import locked
    from nst_rt.video import convert, pass_through
    from nst_rt.video.containers import is_address
    from nst_rt.video.opening import is_of_frames, open_source

    if is_address(request.source):
        raise UnsafeError(
            "is an address on a network, not a file",
            path=request.source,
            cure="download it, or: nst-rt live ADDRESS --allow-network",
        )
    source = open_source(
        request.source,
        size=request.size.frame,
        rate=request.rate,
        pixel_format=request.raw_format(),
    )
    if source is None and request.rate is not None:
        raise UsageError("a video file has its own times", cure="drop --rate")
    if source is None and not is_of_frames(target):
        with telling_how_to_resume(console, target):
            return convert(
                Path(request.source),
                Path(target),
                painter,
                encoding=request.encoding(),
                selection=request.selection(),
                resume=request.resume,
                overwrite=request.overwrite,
                part_seconds=request.part_seconds,
                progress=progress,
            )
    if request.resume:
        raise UsageError(
            "only what goes from video file to video file can be resumed", cure="drop --resume"
        )
    with locked(Path(target)) if target != STANDARD else nullcontext():
        frames = _frames(request, source)
        try:
            sink = _sink(request, target, frames, painter, results)
        except BaseException:
            frames.close()
            raise
        return pass_through(frames, sink, painter, progress=progress, name=target)


def _refuse_itself(source: str, target: str) -> None:
    """What is painted frame by frame must not replace what is still being read."""
    if STANDARD in (source, target):
        return
    one, other = (Path(name).parent if "%" in name else Path(name) for name in (source, target))
    if one.exists() and other.exists() and one.samefile(other):
        raise UsageError("is the video itself", path=target, cure="choose another output")


def _frames(request: Request, source: FrameSource | None) -> FrameSource:
    from nst_rt.video.files import VideoFileSource
    from nst_rt.video.passing import Stretch

    if source is None:
        return VideoFileSource(Path(request.source), request.selection())
    if request.start or request.duration is not None:
        return Stretch(source, request.selection())
    return source


def _sink(
    request: Request, target: str, source: FrameSource, painter: FramePainter, results: Results
) -> FrameSink:
    from nst_rt.video.converting import refuse_target
    from nst_rt.video.files import VideoFileSink
    from nst_rt.video.opening import open_sink

    _refuse_itself(request.source, target)
    size = painter.output_size(source.height, source.width)
    sink = open_sink(
        target,
        source,
        size,
        pixel_format=request.raw_format(),
        write=results.write,
        overwrite=request.overwrite,
    )
    if sink is not None:
        return sink
    refuse_target(Path(request.source), Path(target), overwrite=request.overwrite)
    return VideoFileSink(Path(target), source, size, request.encoding())

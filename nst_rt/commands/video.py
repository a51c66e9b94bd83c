"""`nst-rt video`: a video becomes a painted one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from nst_rt.commands.console import PROGRAM, Console
from nst_rt.commands.endings import SOME_FAILED
from nst_rt.commands.stdout import Results, clean_stdout
from nst_rt.errors import OutputError, UsageError, shown
from nst_rt.options import DEFAULT_SIZE, Size
from nst_rt.sessions import Device, Precision
from nst_rt.stylizer import Stylizer

if TYPE_CHECKING:
    from nst_rt.video.converting import Converted, Progress
    from nst_rt.video.painters import FramePainter

_PLACE = "{style}"


@dataclass(frozen=True)
class Request:
    """The options of one call, named as on the command line."""

    source: str
    target: str
    styles: tuple[str, ...]
    side_by_side: bool
    fade: Fraction
    size: Size
    strength: float
    keep_color: bool
    device: Device
    precision: Precision
    threads: int | None
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

    def outputs(self) -> list[tuple[Path, tuple[str, ...]]]:
        """Every output, with the styles that it shows."""
        if len(self.styles) == 1 or self.side_by_side:
            return [(Path(self.target), self.styles)]
        if _PLACE not in self.target:
            raise UsageError(
                f"{len(self.styles)} styles cannot become one file",
                cure=f"put {_PLACE} into the output's name, or add --side-by-side",
            )
        named = [Path(self.target.replace(_PLACE, Path(style).stem)) for style in self.styles]
        if len(set(named)) < len(named):
            raise UsageError("two styles would become one file", cure="name each style once")
        return [(path, (style,)) for path, style in zip(named, self.styles, strict=True)]

    def open_style(self, style: str) -> Stylizer:
        from nst_rt.sessions.threads import allowed_threads

        threads = min(self.threads or allowed_threads(), allowed_threads())
        return Stylizer(
            style,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            parallel=min(threads, 4),
            size=self.size,
            strength=self.strength,
            keep_color=self.keep_color,
        )


def _seconds(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> Fraction | None:
    """Seconds, or [hours:]minutes:seconds."""
    if text is None:
        return None
    try:
        total = Fraction(0)
        for part in text.split(":"):
            total = total * 60 + Fraction(part)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{text!r} is no time; write 12.5 or 1:02:03") from None
    if total < 0:
        raise click.BadParameter("a time is not negative")
    return total


def _size(context: click.Context, parameter: click.Parameter, text: str) -> Size:
    """PIXELS of the long side, WIDTHxHEIGHT to fit into, or "full"."""
    if text == "full":
        return "full"
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise click.BadParameter(f'{text!r} is none of PIXELS, WIDTHxHEIGHT, "full"')
    return max(int(side) for side in sides)


@click.command(
    epilog="Sound, subtitles, chapters and tags are copied. A conversion that was stopped, by "
    "whatever, goes on with the same command and --resume."
)
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option(
    "--style",
    "styles",
    metavar="NAME|FILE",
    multiple=True,
    default=("starry-night",),
    show_default=True,
    help="A style, or a time line of them: 0:starry-night,5:great-wave. Given several times, each "
    "style gets a file: OUT holds {style}.",
)
@click.option("--side-by-side", is_flag=True, help="Several styles in one picture.")
@click.option(
    "--fade",
    metavar="SECONDS",
    default="1",
    show_default=True,
    callback=_seconds,
    help="How long a change of style takes.",
)
@click.option(
    "--size",
    metavar="PIXELS|WIDTHxHEIGHT|full",
    default=str(DEFAULT_SIZE),
    show_default=True,
    callback=_size,
    help="Long side to paint at; larger frames get their size and detail back.",
)
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True)
@click.option("--keep-color", is_flag=True, help="The video's colors, the painting's light.")
@click.option("--device", type=click.Choice(get_args(Device)), default="auto", show_default=True)
@click.option(
    "--precision", type=click.Choice(get_args(Precision)), default="auto", show_default=True
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [all allowed ones]")
@click.option(
    "--codec",
    metavar="NAME|hardware",
    help="FFmpeg's name of an encoder, or the one of this machine's graphics.  [libx264; "
    "libvpx-vp9 for .webm]",
)
@click.option("--crf", type=click.IntRange(0, 63), help="Constant quality; lower is better.")
@click.option("--preset", help="Speed of the encoder, in its own words.")
@click.option("--pixel-format", metavar="NAME", help="yuv420p, yuv444p, yuv420p10le, …")
@click.option("--start", metavar="TIME", default="0", callback=_seconds, help="12.5 or 1:02:03")
@click.option("--duration", metavar="TIME", callback=_seconds, help="How much is painted.")
@click.option("--stream", type=click.IntRange(min=0), help="Which video stream.  [the largest]")
@click.option("--deinterlace", is_flag=True, help="Make whole pictures of interlaced ones.")
@click.option(
    "--bake-rotation", is_flag=True, help="Turn the pictures instead of telling the player to."
)
@click.option(
    "--hdr",
    type=click.Choice(["refuse", "tonemap", "passthrough"]),
    default="refuse",
    show_default=True,
    help="What to do about high dynamic range: tonemap makes standard range of it, passthrough "
    "paints its code values.",
)
@click.option("--hwaccel", metavar="NAME", help="Hardware decoder: cuda, vaapi, qsv, …")
@click.option(
    "--part-seconds",
    type=click.FloatRange(0.1),
    default=10.0,
    show_default=True,
    help="Length of the parts that are kept; the most that a kill costs.",
)
@click.option("--resume", is_flag=True, help="Go on with a conversion that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
@click.option("--strict", is_flag=True, help="Exit with 3 if a packet was damaged.")
@click.option("--profile", is_flag=True, help="Show where the time went.")
@click.option("--json", "as_json", is_flag=True, help="Progress and result as JSON lines.")
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
        code = _convert_all(request, context.obj, results)
    context.exit(code)


def _convert_all(request: Request, console: Console, results: Results) -> int:
    damaged = 0
    for target, styles in request.outputs():
        done = _convert(request, target, styles, console, results)
        damaged += done.damaged_packets
        if done.damaged_packets:
            console.warning(f"{shown(request.source)}: {done.damaged_packets} packets are damaged")
    return SOME_FAILED if damaged and request.strict else 0


def _convert(
    request: Request, target: Path, styles: tuple[str, ...], console: Console, results: Results
) -> Converted:
    from nst_rt.video.converting import convert
    from nst_rt.video.encoding import Encoding
    from nst_rt.video.selection import Selection

    with ExitStack() as opened:
        painter = _painter(request, styles, opened)
        progress = opened.enter_context(_shown_progress(request, console, results, target))
        with _told_how_to_resume(console):
            done = convert(
                Path(request.source),
                target,
                painter,
                encoding=Encoding(request.codec, request.crf, request.preset, request.pixel_format),
                selection=Selection(
                    start=request.start,
                    duration=request.duration,
                    stream=request.stream,
                    deinterlace=request.deinterlace,
                    upright=request.bake_rotation or request.side_by_side,
                    hdr=request.hdr,
                    hwaccel=request.hwaccel,
                ),
                resume=request.resume,
                overwrite=request.overwrite,
                part_seconds=request.part_seconds,
                progress=progress,
            )
    _tell(done, request, console, results)
    return done


def _painter(request: Request, styles: tuple[str, ...], opened: ExitStack) -> FramePainter:
    from nst_rt.video.painters import SideBySidePainter, painter_of

    def open_style(style: str) -> Stylizer:
        return opened.enter_context(request.open_style(style))

    painters = [painter_of(style, open_style, fade=request.fade) for style in styles]
    return painters[0] if len(painters) == 1 else SideBySidePainter(painters)


@contextmanager
def _told_how_to_resume(console: Console) -> Iterator[None]:
    """Whoever stops a conversion, or runs out of room, reads the command that goes on with it."""
    try:
        yield
    except (KeyboardInterrupt, OutputError):
        again = [word for word in sys.argv[1:] if word not in ("--resume", "--overwrite")]
        console.note(f"go on with: {PROGRAM} {shlex.join([*again, '--resume'])}")
        raise


@contextmanager
def _shown_progress(
    request: Request, console: Console, results: Results, target: Path
) -> Iterator[Progress | None]:
    """A bar with frames per second for a person, a JSON line a second for a program."""
    if request.as_json:
        yield _json_lines(results, target)
        return
    if console.quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[fps]}"), Remaining())
    with Progress(
        *columns, console=Terminal(stderr=True), transient=True, redirect_stdout=False
    ) as bar:
        task = bar.add_task("", total=None, fps="")
        first: list[tuple[int, float]] = []

        def progress(done: int, total: int | None) -> None:
            if not first:
                first.append((done, perf_counter()))
            seconds = perf_counter() - first[0][1]
            fps = f"{(done - first[0][0]) / seconds:.1f} fps" if seconds > 0 else ""
            bar.update(task, completed=done, total=total, fps=fps)

        yield progress


def _json_lines(results: Results, target: Path) -> Progress:
    begun = last = perf_counter()

    def progress(done: int, total: int | None) -> None:
        nonlocal last
        now = perf_counter()
        if now - last >= 1:
            last = now
            results.json(
                {
                    "output": str(target),
                    "frames": done,
                    "of": total,
                    "seconds": round(now - begun, 3),
                }
            )

    return progress


def _tell(done: Converted, request: Request, console: Console, results: Results) -> None:
    if request.profile:
        for stage in done.profile:
            console.note(
                f"{stage.name:>7}: {stage.items} frames, {stage.busy:.2f} s at work on "
                f"{stage.workers} threads, {stage.starved:.2f} s without a frame, "
                f"{stage.blocked:.2f} s without room, {stage.mean_depth:.1f} waiting after it"
            )
    if request.as_json:
        facts = {**asdict(done), "fps": round(done.rate, 2)}
        if not request.profile:
            del facts["profile"]
        results.json({**facts, "done": True})
        return
    console.note(
        f"{done.frames} frames of {done.width}x{done.height} ({done.encoder}), {done.painted} "
        f"painted in {done.seconds:.1f} s, {done.rate:.1f} a second"
    )
    if not (console.quiet or results.is_terminal):
        results.line(shown(done.output))

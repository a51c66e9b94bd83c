"""`nst-rt live`: cameras, streams and screens, painted as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nst_rt import zoo
from nst_rt.commands.console import Console
from nst_rt.commands.options import (
    PaintingRequest,
    blend_options,
    device_options,
    size_option,
    style_option,
)
from nst_rt.commands.parameters import FiniteRange, frame_size_option
from nst_rt.commands.stdout import Results, clean_stdout
from nst_rt.errors import InputError, UsageError, shown
from nst_rt.model import read_model
from nst_rt.stylizer import Stylizer
from nst_rt.video.containers import is_address
from nst_rt.video.live import (
    Clock,
    Live,
    LiveOptions,
    LiveSink,
    Recording,
    Second,
    SourceOptions,
    State,
    StyleChanger,
    ThreadedSink,
    VirtualCamera,
    Window,
    live_source,
)

_RATE = 30.0
"""Frames a second that outputs are told where nothing else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Request(PaintingRequest):
    """The options of one call, with the names of the command line."""

    source: str
    style: str
    size: int
    fixed_size: bool
    output: str
    overwrite: bool
    split: bool
    allow_network: bool
    fps: float | None
    camera_size: tuple[int, int] | None
    loop: bool
    reconnect: bool
    give_up: float
    frames: int | None
    seconds: float | None
    as_json: bool

    def styles(self, console: Console) -> StyleChanger:
        """The styles asked for; of one alone, `n` and `p` go through the shipped ones too."""
        is_file = Path(self.style).exists()  # whatever characters its name holds
        names = [self.style] if is_file else [name.strip() for name in self.style.split(",")]
        for name in names[1:]:  # the first is opened now, the others when somebody wants them
            read_model(name)
        if len(names) == 1:
            names += [card.name for card in zoo.cards() if card.name not in names]
        return StyleChanger(names, self.stylizer, console.note)

    def stylizer(self, style: str) -> Stylizer:
        return Stylizer(style, **self.stylizer_arguments())

    def sink(self, clock: Clock) -> LiveSink:
        """Where frames go; what needs their size is opened with the first."""
        if self.output == "window":
            return Window()
        if self.output == "virtual-camera":
            return VirtualCamera(self.fps or _RATE)
        output = Path(self.output)
        source = Path(self.source)
        if output.exists() and source.exists() and output.samefile(source):
            raise UsageError("is the source itself", path=output, cure="choose another name")
        recording = Recording(
            self.output,
            self.fps or _RATE,
            overwrite=self.overwrite,
            allow_network=self.allow_network,
            split=self.split and not is_address(self.output),
        )
        return ThreadedSink(recording, clock) if is_address(self.output) else recording

    def source_options(self) -> SourceOptions:
        return SourceOptions(
            allow_network=self.allow_network,
            loop=self.loop,
            camera_size=self.camera_size,
            fps=self.fps,
        )

    def options(self) -> LiveOptions:
        return LiveOptions(
            size=self.size,
            fixed_size=self.fixed_size,
            fps=self.fps,
            strength=self.strength,
            keep_color=self.keep_color,
            reconnect=self.reconnect,
            give_up=self.give_up,
            frames=self.frames,
            seconds=self.seconds,
        )


@click.command(
    epilog="SOURCE is a camera (0, /dev/video1), screen or screen:N, an address with "
    "--allow-network (rtsp://…, http://…), or a video file, which plays at its own pace. Keys in "
    "the window: q quits, space pauses, n and p or 1 to 9 change the style, + and - the strength, "
    "s saves a picture into the current folder."
)
@click.argument("source", metavar="SOURCE")
@style_option(metavar="NAME|FILE[,…]", further="; several between commas to change between")
@size_option(
    "PIXELS", type=click.IntRange(min=1), further=", at most; smaller where painting is too slow"
)
@click.option("--fixed-size", is_flag=True, help="Paint at --size even where it is too slow.")
@blend_options("source")
@click.option(
    "-o",
    "--output",
    metavar="window|virtual-camera|FILE|rtmp://…",
    default="window",
    show_default=True,
    help="Where it is shown, sent or recorded (.mp4, .mkv, .mov, .ts).",
)
@click.option("--overwrite", is_flag=True, help="Replace a recording that exists.")
@click.option(
    "--split",
    is_flag=True,
    help="Go on in another file, wall-2.mp4, when a lost source is back.",
)
@click.option("--allow-network", is_flag=True, help="Let addresses be opened.")
@click.option(
    "--fps",
    type=FiniteRange(min=0, min_open=True, max=1000),
    help="Frames a second, at most.  [all that come]",
)
@frame_size_option("--camera-size", "Size to request of a camera.  [its own choice]")
@click.option("--loop", is_flag=True, help="Begin a file again after its end.")
@click.option(
    "--reconnect/--no-reconnect",
    default=True,
    show_default=True,
    help="Try a lost source again after 1, 2, 4 … 30 seconds.",
)
@click.option(
    "--give-up",
    type=FiniteRange(min=0, min_open=True),
    metavar="SECONDS",
    default=300.0,
    show_default=True,
    help="How long a source may be lost.",
)
@click.option("--frames", type=click.IntRange(min=1), help="End after that many.")
@click.option("--seconds", type=FiniteRange(min=0, min_open=True), help="End after that time.")
@device_options
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, each second.")
@click.pass_context
def live(context: click.Context, /, **options: Any) -> None:
    """Paint a camera, a stream, a screen or a video as it comes.

    \b
    nst-rt live 0
    nst-rt live 0 --style great-wave,composition-vii --output virtual-camera
    nst-rt live rtsp://camera.local/1 --allow-network --output wall.mkv
    """  # noqa: D301 - click looks for the character itself
    request = Request(**options)
    with clean_stdout() as results:
        _run(request, context.obj, results)


def _run(request: Request, console: Console, results: Results) -> None:
    clock = Clock()
    source = live_source(request.source, request.source_options(), clock)
    sink = request.sink(clock)
    styles = request.styles(console)
    with _reported(request, console, results) as report:
        live = Live(
            source, styles, sink, request.options(), notify=console.note, clock=clock, report=report
        )
        totals = live.run()
    if not totals["frames"]:
        raise InputError("gave no frame", path=request.source)
    if request.as_json:
        results.json(totals)
        return
    kept = "" if request.output == "window" else f" into {shown(request.output)}"
    shown_in = f"{totals['frames']} frames{kept} in {totals['seconds']:.1f} s"
    console.note(f"{shown_in}, {totals['dropped']} left out")


@contextmanager
def _reported(request: Request, console: Console, results: Results) -> Iterator[Any]:
    """What is told of every second: JSON, or a line that a terminal shows anew."""
    if request.as_json:
        yield lambda second, state: results.json(_record(second, state))
        return
    if request.output == "window" or not console.shows_progress:
        yield lambda second, state: None
        return
    from rich.console import Console as Terminal
    from rich.markup import escape
    from rich.status import Status

    with Status("", console=Terminal(stderr=True)) as line:
        yield lambda second, state: line.update(escape(_line(second, state)))


def _record(second: Second, state: State) -> dict[str, Any]:
    return {
        "time": round(second.time, 3),
        "fps": round(second.fps, 2),
        "latency_ms": None if second.latency_ms is None else round(second.latency_ms, 1),
        "dropped": second.dropped,
        "working_width": state.working_size[1],
        "working_height": state.working_size[0],
        "style": state.style,
        "note": state.note,
    }


def _line(second: Second, state: State) -> str:
    height, width = state.working_size
    late = "" if second.latency_ms is None else f"{second.latency_ms:.0f} ms, "
    note = f", {state.note}" if state.note else ""
    return (
        f"{second.fps:.1f} fps, {late}{second.dropped} dropped, {width}x{height}, {state.style}"
        f"{note}"
    )

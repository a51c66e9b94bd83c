"""`nst-rt live`: paint a camera, a stream or a screen live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nst_rt import zoo
from nst_rt.commands.console import Console
from nst_rt.commands.live_report import report_totals, shown_seconds
from nst_rt.commands.options import (
    PaintingRequest,
    blend_options,
    device_options,
    size_option,
    style_option,
)
from nst_rt.commands.parameters import FiniteRange, frame_size_option
from nst_rt.commands.stdout import Results, clean_stdout
from nst_rt.errors import InputError, UsageError
from nst_rt.model import read_model
from nst_rt.stylizer import Stylizer
from nst_rt.video.containers import is_address
from nst_rt.video.live import (
    Clock,
    Live,
    LiveOptions,
    LiveSink,
    Recording,
    SourceOptions,
    StyleChanger,
    ThreadedSink,
    VirtualCamera,
    Window,
    live_source,
)

_RATE = 30.0
"""Frames per second of outputs if `--fps` is not given."""


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
        """Open the first style; a single one is followed by the shipped ones for `n` and `p`."""
        is_file = Path(self.style).exists()  # whatever characters its name holds
        names = [self.style] if is_file else [name.strip() for name in self.style.split(",")]
        for name in names[1:]:  # checked now, opened when chosen
            read_model(name)
        if len(names) == 1:
            names += [card.name for card in zoo.cards() if card.name not in names]
        return StyleChanger(names, self.stylizer, console.note)

    def stylizer(self, style: str) -> Stylizer:
        return Stylizer(style, **self.stylizer_arguments())

    def sink(self, clock: Clock) -> LiveSink:
        """Return the sink of the frames; one that needs their size opens with the first."""
        if self.output == "window":
            return Window()
        if self.output == "virtual-camera":
            return VirtualCamera(self.fps or _RATE)
        output = Path(self.output)
        source = Path(self.source)
        if output.exists() and source.exists() and output.samefile(source):
            raise UsageError("is the source itself", path=output, cure="choose another --output")
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
    "--allow-network (rtsp://…, http://…), or a video file, which plays at its own speed. Keys in "
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
    help="Where paintings are shown, sent or recorded (.mp4, .mkv, .mov, .ts).",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing recording.")
@click.option(
    "--split",
    is_flag=True,
    help="Record into another file, wall-2.mp4, when a lost source returns.",
)
@click.option("--allow-network", is_flag=True, help="Allow addresses as SOURCE and as output.")
@click.option(
    "--fps",
    type=FiniteRange(min=0, min_open=True, max=1000),
    help="Largest number of frames per second.  [all that arrive]",
)
@frame_size_option("--camera-size", "Size to request of a camera.  [its own choice]")
@click.option("--loop", is_flag=True, help="Start a file again after its end.")
@click.option(
    "--reconnect/--no-reconnect",
    default=True,
    show_default=True,
    help="Reopen a lost source, after 1, 2, 4 … 30 seconds.",
)
@click.option(
    "--give-up",
    type=FiniteRange(min=0, min_open=True),
    metavar="SECONDS",
    default=300.0,
    show_default=True,
    help="How long a source may stay lost.",
)
@click.option("--frames", type=click.IntRange(min=1), help="End after so many frames.")
@click.option("--seconds", type=FiniteRange(min=0, min_open=True), help="End after so much time.")
@device_options
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON object per line for each second, and one for the whole.",
)
@click.pass_context
def live(context: click.Context, /, **options: Any) -> None:
    """Paint a camera, a stream, a screen or a video live.

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
    with shown_seconds(console, results, request.output, as_json=request.as_json) as report:
        live = Live(
            source, styles, sink, request.options(), notify=console.note, clock=clock, report=report
        )
        totals = live.run()
    if not totals["frames"]:
        raise InputError("gave no frame", path=request.source)
    report_totals(totals, request.output, console, results, as_json=request.as_json)

"""`nst-rt stylize`: paint pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import click

from nst_rt.commands.console import Console
from nst_rt.commands.naming import STANDARD
from nst_rt.commands.options import (
    PaintingRequest,
    blend_options,
    device_options,
    parse_working_size,
    size_option,
    style_option,
)
from nst_rt.commands.plan import Existing, PaintingPlan, make_plan
from nst_rt.commands.provenance import Provenance
from nst_rt.commands.report import Report, report_file
from nst_rt.commands.stdout import Results, clean_stdout
from nst_rt.commands.stylize_run import PictureEncoding, StylizeRun, exit_code, report_settled
from nst_rt.errors import UsageError
from nst_rt.images import DEFAULT_MAX_PIXELS, PictureLimits
from nst_rt.model import Adaptation, Layout, model_hash
from nst_rt.options import Size
from nst_rt.stylizer import Stylizer

WHITE = (255, 255, 255)


@dataclass(frozen=True, kw_only=True)
class Request(PaintingRequest):
    """The options of one call, with the names of the command line."""

    inputs: tuple[str, ...]
    out: str | None
    style: str
    size: Size
    max_pixels: int
    max_memory: int | None
    overwrite: bool
    skip_existing: bool
    in_place: bool
    keep_ext: bool
    background: tuple[int, int, int]
    gray: Literal["color", "keep"]
    strip_metadata: bool
    quality: int
    allow_truncated: bool
    no_verify: bool
    layout: Layout | None
    white: str | None
    report: Path | None
    as_json: bool

    def recipe(self) -> dict[str, Any]:
        """Return everything but the photo that decides the look of a painting, for JSON."""
        flavour: Literal["fp32", "fp16"] = "fp16" if self.precision == "fp16" else "fp32"
        return {
            "model": model_hash(self.style, flavour=flavour),
            "fed": [self.layout, self.white],
            "size": self.size,
            "strength": self.strength,
            "keep_color": self.keep_color,
            "allow_truncated": self.allow_truncated,
            **self.encoding(),
        }

    def plan(self, results: Results, provenance: Provenance) -> PaintingPlan:
        """Plan all pictures and check them before the first one is painted."""
        if self.overwrite and self.skip_existing:
            raise UsageError("--overwrite and --skip-existing exclude each other", cure="give one")
        existing: Existing = "refuse"
        if self.overwrite or self.skip_existing:
            existing = "overwrite" if self.overwrite else "skip"
        plan = make_plan(
            self.inputs,
            self.out,
            style=self.style,
            existing=existing,
            in_place=self.in_place,
            keep_ext=self.keep_ext,
            is_stale=provenance.is_stale,
        )
        if any(job.target == STANDARD for job in plan.jobs):
            results.check_takes("a picture", as_json=self.as_json, otherwise="add -o")
        return plan

    @property
    def memory(self) -> int | None:
        """`--max-memory` in bytes."""
        return self.max_memory and self.max_memory * 2**20

    def stylizer(self) -> Stylizer:
        return Stylizer(
            self.style,
            **self.stylizer_arguments(),
            size=self.size,
            max_pixels=self.max_pixels,
            max_memory=self.memory,
            verify=not self.no_verify,
            adaptation=self.adaptation(),
        )

    def adaptation(self) -> Adaptation | None:
        """Return how to feed a model that another program made; nothing of it is guessed."""
        if self.layout is None and self.white is None:
            return None
        if self.layout is None or self.white is None:
            raise UsageError("--layout and --range belong together", cure="give both")
        return Adaptation(self.layout, float(self.white))

    def encoding(self) -> PictureEncoding:
        return PictureEncoding(
            background=self.background,
            quality=self.quality,
            strip_metadata=self.strip_metadata,
            gray=self.gray == "keep",
        )


def _color(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[int, int, int]:
    if text is None:
        return WHITE
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise click.BadParameter(f"{text!r} is no color; write it like white or #fffaf0") from None
    return red, green, blue


@click.command(
    epilog="A folder is searched with all folders below it, and its tree is mirrored in OUT; a "
    "pattern in quotes is expanded by nst-rt; - alone is standard input."
)
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    metavar="OUT",
    help="A file, a folder (exists, ends in a slash, or several inputs), or - for standard "
    "output.  [photo-STYLE.jpg beside the photo]",
)
@style_option()
@size_option(
    "PIXELS|full",
    callback=parse_working_size,
    further="; larger photos get their size and detail back",
)
@blend_options("photo")
@device_options
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures before they are decoded.",
)
@click.option(
    "--max-memory",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="Refuse pictures that take more to read or paint.  [what is free]",
)
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.option("--skip-existing", is_flag=True, help="Skip photos whose output exists.")
@click.option("--in-place", is_flag=True, help="Let paintings replace their photos.")
@click.option(
    "--keep-ext",
    is_flag=True,
    help="Keep the photo's suffix in the name if the format changes: x.pgm.png.",
)
@click.option(
    "--background",
    metavar="COLOR",
    callback=_color,
    help="Color behind transparent parts in formats without alpha: white, #fffaf0, …  [white]",
)
@click.option(
    "--gray",
    type=click.Choice(["color", "keep"]),
    default="color",
    show_default=True,
    help="What gray photos become.",
)
@click.option("--strip-metadata", is_flag=True, help="Leave out EXIF, XMP and resolution.")
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Quality of lossy formats.",
)
@click.option("--allow-truncated", is_flag=True, help="Paint as much as a truncated file holds.")
@click.option("--no-verify", is_flag=True, help="Do not check a shipped style against its hash.")
@click.option(
    "--layout",
    type=click.Choice(get_args(Layout)),
    help="Axes of a model that another program made; needs --range.",
)
@click.option(
    "--range",
    "white",
    type=click.Choice(["1", "255"]),
    help="White in a model that another program made; needs --layout.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the lines of --json into a file.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON object per line for each picture, and one for the whole.",
)
@click.pass_context
def stylize(context: click.Context, /, **options: Any) -> None:
    """Paint pictures in a style.

    \b
    nst-rt stylize photo.jpg
    nst-rt stylize photos/ -o paintings/ --style great-wave
    nst-rt stylize - -o - < photo.png > painting.png
    """  # noqa: D301 - click looks for the character itself
    request = Request(**options)
    with clean_stdout() as results:
        code = _paint(request, context.obj, results)
    context.exit(code)


def _paint(request: Request, console: Console, results: Results) -> int:
    request.adaptation()  # a usage error comes before any work
    provenance = Provenance(request.recipe)
    plan = request.plan(results, provenance)
    with report_file(request.report) as file:
        report = Report(plan, console, results, as_json=request.as_json, file=file)
        if not plan.jobs:
            with report.summarized():
                return exit_code(plan, report_settled(plan, report))
        with request.stylizer() as stylizer, report.summarized():
            run = StylizeRun(
                stylizer=stylizer,
                limits=PictureLimits(request.max_pixels, request.memory),
                allow_truncated=request.allow_truncated,
                encoding=request.encoding(),
                results=results,
                report=report,
                console=console,
                # a folder that holds more than paintings gets no hidden file unasked
                provenance=provenance if plan.into_folder or request.skip_existing else None,
            )
            return run.paint_all(plan)

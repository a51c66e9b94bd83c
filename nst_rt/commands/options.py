"""Options that `stylize`, `video` and `live` share, and the Stylizer's arguments from them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, get_args

import click

from nst_rt.commands.parameters import Decorator, FiniteRange, together
from nst_rt.options import DEFAULT_SIZE, Size
from nst_rt.sessions import Device, Precision

DEFAULT_STYLE = "starry-night"


@dataclass(frozen=True, kw_only=True)
class PaintingRequest:
    """Shared options of one call, with the names of the command line."""

    strength: float
    keep_color: bool
    device: Device
    precision: Precision
    threads: int | None
    trust_engine: bool

    def stylizer_arguments(self) -> dict[str, Any]:
        """Return these as keyword arguments of `Stylizer`, without the options of one command."""
        return {field.name: getattr(self, field.name) for field in fields(PaintingRequest)}


def style_option(*names: str, further: str = "", **settings: Any) -> Decorator:
    """Return `--style`; `further` continues the help sentence on what a style can be."""
    settings = {"metavar": "NAME|FILE", "default": DEFAULT_STYLE, **settings}
    kinds = "A shipped style (nst-rt models), a model file or an engine"
    return click.option("--style", *names, show_default=True, help=f"{kinds}{further}.", **settings)


def size_option(metavar: str, *, further: str, **settings: Any) -> Decorator:
    """Return `--size`; `further` continues the help sentence on what the size is."""
    return click.option(
        "--size",
        metavar=metavar,
        default=str(DEFAULT_SIZE),
        show_default=True,
        help=f"Long side to paint at{further}.",
        **settings,
    )


def parse_working_size(context: click.Context, parameter: click.Parameter, text: str) -> Size:
    """Return the long side in pixels to paint at, or "full"."""
    if text == "full":
        return "full"
    if not (text.isdecimal() and int(text) > 0):
        metavar = parameter.make_metavar(context)
        raise click.BadParameter(f"{text!r} is no size; write it as {metavar}")
    return int(text)


def blend_options(source: str) -> Decorator:
    """Return the options that blend paintings with what they were painted from: `source`."""
    return together(
        click.option(
            "--strength",
            type=FiniteRange(0, 1),
            default=1.0,
            show_default=True,
            help=f"0 is the {source}, 1 the painting.",
        ),
        click.option(
            "--keep-color", is_flag=True, help=f"The {source}'s colors, the painting's brightness."
        ),
    )


device_options = together(
    click.option(
        "--device",
        type=click.Choice(get_args(Device)),
        default="auto",
        show_default=True,
        help="Where to paint; nst-rt doctor shows what works here.",
    ),
    click.option(
        "--precision",
        type=click.Choice(get_args(Precision)),
        default="auto",
        show_default=True,
        help="Arithmetic of the network; auto is the fastest that stays within half a gray level "
        "on average.",
    ),
    click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [all allowed ones]"),
    click.option(
        "--trust-engine",
        is_flag=True,
        help="Load an engine that was not built here; it is code, so be sure who built it.",
    ),
)

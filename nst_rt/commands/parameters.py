"""Parameters of the command line: types of values, and several options as one decorator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from nst_rt.sizes import parse_size

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class FiniteRange(click.FloatRange):
    """A range without infinity, and without NaN, which is neither below nor above its ends."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or raise `click.BadParameter`."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number", param, ctx)
        return number


def frame_size_option(name: str, help: str) -> Decorator:
    """Return an option for a size in pixels, WIDTHxHEIGHT, which becomes height and width."""

    def parse(
        context: click.Context, parameter: click.Parameter, text: str | None
    ) -> tuple[int, int] | None:
        try:
            return None if text is None else parse_size(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return click.option(name, metavar="WIDTHxHEIGHT", callback=parse, help=help)


def together(*options: Decorator) -> Decorator:
    """Return one decorator that adds `options`; `--help` lists them in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate

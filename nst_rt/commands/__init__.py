"""The command line: one file per subcommand, thin over the library.

Importing this package and `nst-rt --help` load click and nothing heavier.
"""

from __future__ import annotations

from typing import Any

import click

from nst_rt.commands.console import PROGRAM
from nst_rt.commands.group import LazyGroup

__all__ = ["main"]

_LINES = {
    "stylize": "Paint pictures in a style.",
    "video": "Paint a video file.",
    "live": "Paint a camera, a stream or a screen live.",
    "models": "List the styles that come with nst-rt.",
    "info": "Show the facts of a model, and what would run it here.",
    "train": "Train a style from a painting and photos.",
    "export": "Turn a checkpoint into a model file or an engine.",
    "doctor": "Show what can paint here, and what is missing for the rest.",
}


def _print_versions(context: click.Context, _: click.Parameter, given: bool) -> Any:
    if not given or context.resilient_parsing:
        return
    import platform

    from nst_rt._version import __version__
    from nst_rt.diagnosis.packages import versions

    click.echo(f"{PROGRAM} {__version__}")
    click.echo(f"python {platform.python_version()}")
    for name, version in versions().items():
        click.echo(f"{name} {version}")
    context.exit()


@click.group(
    cls=LazyGroup,
    lines=_LINES,
    epilog="Exit codes: 0 all done, 1 internal error, 2 usage, 3 some inputs failed, 4 model "
    "refused, 5 provider or extra absent, 6 output not writable, 130 and 143 stopped.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_versions,
    help="Show the versions of nst-rt and of what it runs on.",
)
def main() -> None:
    """Paint pictures in a trained style; train, export and inspect styles."""

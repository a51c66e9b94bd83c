"""`nst-rt export`: a checkpoint or a shipped style becomes a model file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nst_rt.commands.extras import needing
from nst_rt.commands.stdout import Results, clean_stdout
from nst_rt.errors import UsageError, shown

if TYPE_CHECKING:
    from nst_export.verification import Parity


@click.command()
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Arithmetic inside the model; both ends are uint8.",
)
@click.option("--size", metavar="WIDTHxHEIGHT", help="A fixed-size model; any size by default.")
@click.option(
    "--variant",
    type=click.Choice(["plain", "stats", "apply"]),
    default="plain",
    help="A network cut at its normalizations: 'stats' returns statistics, 'apply' takes them.",
)
@click.option("--title", help="Written into the model file.")
@click.option("--licence", help="Written into the model file.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def export(
    source: str,
    target: Path,
    precision: str,
    size: str | None,
    variant: str,
    title: str | None,
    licence: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Export SOURCE, a checkpoint or a shipped style's name, to TARGET (.onnx).

    The model is run against PyTorch on photos of several sizes; the table of differences is
    printed as it is measured, and a model that does not paint like its network is not written.
    """
    with needing("export", "exporting"):
        from nst_export.exporter import export_style
    facts = {key: value for key, value in (("title", title), ("licence", licence)) if value}
    with clean_stdout() as results:
        exported = export_style(
            source,
            target,
            flavour=precision,  # type: ignore[arg-type]
            size=_size(size),
            variant=variant,  # type: ignore[arg-type]
            facts=facts or None,
            overwrite=overwrite,
            report=_ignored if as_json else _Table(results),
        )
        if as_json:
            results.json({**asdict(exported), "path": str(exported.path)})
            return
        if exported.largest_activation is not None:
            results.line(f"largest activation {exported.largest_activation:,.0f} of 65,504")
        results.line(f"{shown(exported.path)}  {exported.bytes:,} bytes")


class _Table:
    """Prints comparisons one by one, below a head."""

    def __init__(self, results: Results) -> None:
        self._results, self._begun = results, False

    def __call__(self, row: Parity) -> None:
        if not self._begun:
            self._begun = True
            self._results.line(f"{'against':<14}{'size':>10}  {'max':>4}  {'mean':>7}  {'PSNR':>8}")
        size = f"{row.width}x{row.height}"
        self._results.line(
            f"{row.reference:<14}{size:>10}  {row.largest:>4}  {row.mean:>7.4f}  "
            f"{row.psnr:>5.1f} dB"
        )


def _ignored(row: Parity) -> None:
    """JSON names all comparisons at the end."""


def _size(text: str | None) -> tuple[int, int] | None:
    """Height and width from "WIDTHxHEIGHT"."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) > 0 and int(height) > 0):
        raise UsageError(f"--size is {text!r}", cure="write it like 1280x720")
    return int(height), int(width)

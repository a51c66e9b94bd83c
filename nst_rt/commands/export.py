"""`nst-rt export`: make a model file of a checkpoint or shipped style, or an engine of either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_rt.commands.export_engine import engine_options, export_engine
from nst_rt.commands.export_request import Request
from nst_rt.commands.extras import needing
from nst_rt.commands.parameters import frame_size_option
from nst_rt.commands.progress import progress_bar
from nst_rt.commands.stdout import Results, clean_stdout
from nst_rt.errors import shown

if TYPE_CHECKING:
    from nst_export.verification import Parity


@click.command()
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "bf16"]),
    help="Arithmetic inside; both ends are uint8. A model gets fp32, an engine fp16 by default; "
    "bf16 is for engines alone.",
)
@frame_size_option("--size", "For pictures of one size.  [any size]")
@click.option(
    "--variant",
    type=click.Choice(["plain", "stats", "apply", "steady", "fused"]),
    help="A network cut at its normalizations: 'stats' returns statistics, 'apply' takes them, "
    "'steady', for videos and large pictures, does both. 'fused' is for GPUs, see docs/gpu.md.",
)
@click.option("--title", help="Written into the model file.")
@click.option("--licence", help="Written into the model file.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@engine_options
def export(**options: Any) -> None:
    """Export SOURCE to TARGET: a model file (.onnx) or an engine (.engine).

    SOURCE is a checkpoint or a shipped style's name; for an engine a model file too. A model is run
    against PyTorch on photos of several sizes; the table of differences is printed as it is
    measured, and one that does not paint like its network is not written. Engines are compiled by
    TensorRT for the GPU that is here, or by TensorRT-RTX, on any machine, for many.
    """
    request = Request(**options)
    request.check()
    with clean_stdout() as results:
        report = _ignored if request.as_json else _Table(results)
        if request.is_engine:
            export_engine(request, results, report)
        else:
            _export_model(request, results, report)


def _export_model(request: Request, results: Results, report: Callable[[Parity], object]) -> None:
    with needing("export", "exporting"):
        from nst_export.exporter import export_style
    with progress_bar() as bar:
        exported = export_style(
            request.source,
            request.target,
            flavour=request.precision or ("fp16" if request.variant == "fused" else "fp32"),
            size=request.size,
            variant=request.variant or "plain",
            facts=request.facts() or None,
            overwrite=request.overwrite,
            report=bar.beside(report),
            progress=bar,
        )
    if request.as_json:
        results.json({**asdict(exported), "path": str(exported.path)})
        return
    if exported.largest_activation is not None:
        results.line(f"largest activation {exported.largest_activation:,.0f} of 65,504")
    results.line(f"{shown(exported.path)}  {exported.bytes:,} bytes")


class _Table:
    """Prints comparisons one by one as rows of a table."""

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
    """Print nothing: JSON has all comparisons at the end."""

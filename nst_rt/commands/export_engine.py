"""The part of `nst-rt export` that builds engines: options, progress bar, result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nst_rt.commands.export_request import Request
from nst_rt.commands.extras import needing
from nst_rt.commands.parameters import frame_size_option, together
from nst_rt.commands.progress import progress_bar
from nst_rt.commands.stdout import Results
from nst_rt.engines.side_car import EngineFacts
from nst_rt.errors import shown

if TYPE_CHECKING:
    from nst_export.verification import Parity

engine_options = together(
    frame_size_option("--min", "Engines: smallest picture.  [16x16]"),
    frame_size_option("--opt", "Engines: usual picture.  [1280x720]"),
    frame_size_option("--max", "Engines: largest picture, which memory follows.  [1920x1080]"),
    click.option(
        "--batch", type=click.IntRange(min=1), help="Engines: most pictures at once.  [1]"
    ),
    click.option(
        "--backend",
        type=click.Choice(["tensorrt", "tensorrt-rtx"]),
        help="Engines: what builds them.  [TensorRT where it and a GPU are here, else "
        "TensorRT-RTX]",
    ),
    click.option(
        "--compute-capability",
        multiple=True,
        metavar="N.N",
        help="Engines: GPUs that a portable engine is for, as 8.9.  [Ampere and later]",
    ),
    click.option(
        "--level",
        type=click.IntRange(0, 5),
        help="Engines: how long TensorRT tries kernels out.  [its own choice]",
    ),
    click.option(
        "--timing-cache",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Engines: file that keeps what TensorRT tried out, for the next build.",
    ),
    click.option(
        "--workspace",
        type=click.IntRange(min=1),
        metavar="MIB",
        help="Engines: most memory that a kernel may take beside its tensors.",
    ),
)
"""Decorator that adds the options of `EngineRequest`."""


def export_engine(request: Request, results: Results, report: Callable[[Parity], object]) -> None:
    """Build an engine and print its facts."""
    from nst_export.engine import build_engine

    options = request.engine_options()
    # torch and onnx are needed only where a model file has to be made first
    with needing("export", "making the model file"), progress_bar() as bar:
        built = build_engine(
            request.source,
            request.target,
            options,
            facts=request.facts(),
            overwrite=request.overwrite,
            report=bar.beside(report),
            progress=bar,
        )
    if request.as_json:
        rows = [asdict(row) for row in built.rows]
        results.json({**asdict(built.facts), "path": str(built.path), "rows": rows})
        return
    for line in _lines(built.path, built.facts):
        results.line(line)


def _lines(path: Path, facts: EngineFacts) -> Iterator[str]:
    gpus = f"{facts.gpu} ({', '.join(facts.compute_capabilities)})"
    yield f"{facts.backend} {facts.backend_version}, {facts.precision}, {gpus}"
    pictures = facts.range_text() + (f", up to {facts.batch} at once" if facts.batch > 1 else "")
    if facts.memory:
        pictures += f", {sum(facts.memory.values()) / 2**20:,.0f} MiB on the GPU"
    yield f"pictures {pictures}"
    yield f"{shown(path)}  {facts.engine_bytes:,} bytes"

"""The part of `nst-rt export` that builds engines: its options, its progress bar, its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_rt.commands.extras import needing
from nst_rt.commands.progress import progress_bar
from nst_rt.commands.stdout import Results
from nst_rt.engines.side_car import EngineFacts
from nst_rt.errors import UsageError, shown

if TYPE_CHECKING:
    from nst_export.verification import Parity

_OPTIONS: dict[str, dict[str, Any]] = {
    "--min": {"metavar": "WIDTHxHEIGHT", "help": "Smallest picture; 16x16 by default."},
    "--opt": {"metavar": "WIDTHxHEIGHT", "help": "The usual one; 1280x720 by default."},
    "--max": {
        "metavar": "WIDTHxHEIGHT",
        "help": "Largest picture, which memory follows; 1920x1080 by default.",
    },
    "--batch": {"type": click.IntRange(min=1), "help": "Most pictures at once; 1 by default."},
    "--backend": {
        "type": click.Choice(["tensorrt", "tensorrt-rtx"]),
        "help": "TensorRT where it and a GPU are here, else TensorRT-RTX.",
    },
    "--compute-capability": {
        "multiple": True,
        "metavar": "N.N",
        "help": "GPUs that a portable engine is for, as 8.9; Ampere and later by default.",
    },
    "--level": {
        "type": click.IntRange(0, 5),
        "help": "How long TensorRT tries kernels out; its own choice by default.",
    },
    "--timing-cache": {
        "type": click.Path(dir_okay=False, path_type=Path),
        "help": "File that keeps what TensorRT tried out, for the next build.",
    },
    "--workspace": {
        "type": click.IntRange(min=1),
        "metavar": "MIB",
        "help": "Most memory that a kernel may take beside its tensors.",
    },
}


def engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of engines to a command."""
    for name, settings in reversed(_OPTIONS.items()):
        help_text = f"Engines: {settings['help']}"
        command = click.option(name, **{**settings, "help": help_text})(command)
    return command


def refuse_engine_options(given: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a model file is asked for with the options of an engine."""
    for name, value in given.items():
        if value not in (None, ()):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is of engines", cure="end the output in .engine")


def size_of(option: str, text: str | None) -> tuple[int, int] | None:
    """Height and width from "WIDTHxHEIGHT"."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0):
        raise UsageError(f"{option} is {text!r}", cure="write it like 1280x720")
    return int(height), int(width)


def export_engine(
    source: str,
    target: Path,
    results: Results,
    report: Callable[[Parity], object],
    as_json: bool,
    *,
    overwrite: bool,
    facts: Mapping[str, str],
    fixed: tuple[int, int] | None,
    precision: Any,
    variant: Any,
    **given: Any,
) -> None:
    """Build an engine and print what it is.

    Raises:
        UsageError: engines are not built of that variant.
    """
    if variant not in (None, "plain", "steady"):
        raise UsageError(f"--variant {variant} is of model files", cure="choose plain or steady")
    from nst_export.engine import EngineOptions, build_engine

    options = EngineOptions(
        backend=given["backend"],
        precision=precision,
        variant=variant or "plain",
        smallest=size_of("--min", given["min"]),
        usual=size_of("--opt", given["opt"]),
        largest=size_of("--max", given["max"]),
        fixed=fixed,
        batch=given["batch"] or 1,
        level=given["level"],
        timing_cache=given["timing_cache"],
        workspace_mib=given["workspace"],
        capabilities=given["compute_capability"],
    )
    # torch and onnx are needed only where a model file has to be made first
    with needing("export", "making the model file"), progress_bar() as bar:
        built = build_engine(
            source,
            target,
            options,
            facts=facts,
            overwrite=overwrite,
            report=bar.beside(report),
            progress=bar,
        )
    if as_json:
        rows = [asdict(row) for row in built.rows]
        results.json({**asdict(built.facts), "path": str(built.path), "rows": rows})
        return
    for line in _lines(built.path, built.facts):
        results.line(line)


def _lines(path: Path, facts: EngineFacts) -> Iterator[str]:
    shapes = facts.profiles[0]
    sizes = (f"{shapes[name][2]}x{shapes[name][1]}" for name in ("min", "opt", "max"))
    gpus = f"{facts.gpu} ({', '.join(facts.compute_capabilities)})"
    yield f"{facts.backend} {facts.backend_version}, {facts.precision}, {gpus}"
    batch = shapes["max"][0]
    pictures = " … ".join(dict.fromkeys(sizes)) + (f", up to {batch} at once" if batch > 1 else "")
    if facts.memory:
        pictures += f", {sum(facts.memory.values()) / 2**20:,.0f} MiB on the GPU"
    yield f"pictures {pictures}"
    yield f"{shown(path)}  {facts.engine_bytes:,} bytes"

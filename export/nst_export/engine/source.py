"""The model file that an engine is built from: a given one, or one made from a checkpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nst_export.engine.options import EngineOptions
from nst_export.progress import Progress
from nst_rt.errors import UsageError
from nst_rt.model import ModelFile, read_model, shipped_style

if TYPE_CHECKING:
    from nst_export.verification import Parity

Report = Callable[["Parity"], object]


def model_for(
    source: str | Path,
    name: str,
    options: EngineOptions,
    facts: Mapping[str, str],
    report: Report,
    progress: Progress,
) -> ModelFile:
    """Find or make the model file.

    Args:
        source: a shipped style's name, a model file (.onnx), or a checkpoint, from which a model
            file is made and checked as `nst-rt export` does; so it is from a shipped style that
            has no such file, as none has in bfloat16 or of its steady one in half precision.
        name: of the model that is made.
        options: precision, variant and fixed size.
        facts: for the metadata of a model that is made.
        report: called with every comparison of a model that is made.
        progress: called with the phases of the model; the engine's share stays 0.

    Raises:
        ModelError: absent, damaged, or it does not paint like its network.
        UsageError: a model file cannot be changed to what is asked.
    """
    flavour = options.precision or "fp16"
    variant = options.variant
    shipped = shipped_style(source) is not None
    has_file = (variant, flavour) != ("steady", "fp16")
    if shipped and flavour != "bf16" and has_file and not options.fixed and not facts:
        return read_model(str(source), flavour=flavour, variant=variant)
    if not shipped and not _is_checkpoint(source):
        if facts:
            raise UsageError(
                "title and licence of a model file are fixed", path=source,
                cure="give its checkpoint",
            )  # fmt: skip
        return read_model(source, variant=variant)
    if options.batch != 1 and (options.fixed or variant == "steady"):
        raise UsageError(
            "a model of one size or of the steady variant takes one picture at a time",
            path=source,
            cure="leave out batch (--batch)",
        )
    from nst_export.exporter import export_style

    with tempfile.TemporaryDirectory(prefix="nst-rt-") as folder:
        path = Path(folder, f"{name}.onnx")
        export_style(
            source, path, flavour=flavour, variant=variant, size=options.fixed, facts=facts,
            report=report, progress=lambda share, phase: progress(0.0, phase),
        )  # fmt: skip
        return replace(read_model(path), path=Path(source))  # its own is deleted


def _is_checkpoint(source: str | Path) -> bool:
    """Return whether it is a file of another kind than a model; errors are for others to name."""
    try:
        path = Path(source).expanduser()
        return path.is_file() and path.suffix != ".onnx"
    except (OSError, RuntimeError):
        return False

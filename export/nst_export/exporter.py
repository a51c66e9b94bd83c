"""Exporting a style: from a checkpoint to a checked model file under its final name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx

from nst_export.bfloat import bfloat_graph, in_float
from nst_export.builder import FLOAT32
from nst_export.calibration import calibration_photos
from nst_export.fused import fused_graph
from nst_export.graph import Variant, style_graph
from nst_export.graph_painting import measure_statistics, paint_function, paint_with_given
from nst_export.half import half_graph
from nst_export.memory import refuse_large
from nst_export.placement import refuse_pixels_on_cpu
from nst_export.progress import Progress, silent
from nst_export.verification import (
    SIZES,
    Arithmetic,
    Parity,
    check_given,
    check_parity,
    check_range,
)
from nst_rt import zoo
from nst_rt._version import __version__
from nst_rt.errors import ModelError, OutputError, UsageError, shown
from nst_rt.model import PREFIX, SCHEMA, check_model, shipped_style, style_name
from nst_rt.system.atomic import replace_file
from nst_train.network import STRIDE, StyleNetwork
from nst_train.style_file import load_style

ExportVariant = Variant | Literal["fused"]

CARD_FACTS = ("title", "painter", "year", "licence")
"""Facts of a shipped style's card that its model files carry too."""


@dataclass(frozen=True)
class Export:
    """The file of an export and its checks."""

    path: Path
    bytes: int
    rows: list[Parity]
    largest_activation: float | None


def export_style(
    source: str | Path,
    target: Path,
    *,
    flavour: Arithmetic = "fp32",
    size: tuple[int, int] | None = None,
    variant: ExportVariant = "plain",
    facts: Mapping[str, str] | None = None,
    overwrite: bool = False,
    report: Callable[[Parity], object] = lambda row: None,
    progress: Progress = silent,
) -> Export:
    """Write `target` from a checkpoint, or from a shipped style by name.

    The file runs in ONNX Runtime against PyTorch before it gets its name.

    Args:
        source: a checkpoint or `style.safetensors`, or a shipped style's name.
        target: ends in .onnx.
        flavour: arithmetic inside the graph; "bf16" is for engines to be built from, no ONNX
            Runtime computes in it. It is checked with its weights alone in bf16.
        size: height and width of a fixed-size model.
        variant: "plain", the "stats" or "apply" half of a network cut at its normalizations,
            "steady", which takes statistics and mixes them with the picture's own, or "fused", for
            a GPU with the operators of `nst_rt.ops`, in fp16.
        facts: title, painter, year, licence for the metadata; a shipped style's card gives those
            that are left out.
        overwrite: whether an existing file may be replaced.
        report: called with every comparison as it is made, also of a model that is refused.
        progress: called as the work goes on.

    Raises:
        ModelError: the checkpoint is absent, damaged or of another architecture, or a GPU would
            leave pixels to the CPU.
        ParityError: the result does not paint like the network; nothing is written.
        OutputError: the file cannot be written.
        UsageError: the target has another suffix or exists, or the variant is not available in
            that arithmetic.
        LimitError: there is too little memory to check a model of that size.
        ProviderError: the operators of "fused" cannot be built for the CPU, to check them.
    """
    _refuse_request(target, flavour, variant, overwrite=overwrite)
    card = shipped_style(source)
    checkpoint = card.file("checkpoint") if card else _checkpoint(source)
    network, _ = load_style(checkpoint)
    if size:
        refuse_large(size, network.config.width, flavour)
    known = {key: str(card.facts[key]) for key in CARD_FACTS} if card else {}
    name = card.name if card else style_name(target)
    metadata = _metadata(network, checkpoint, name, flavour, variant, {**known, **(facts or {})})
    progress(0.0, "writing the graph")
    model = _graph(network, metadata, flavour, size, variant)
    data = model.SerializeToString(deterministic=True)
    largest = None
    if flavour == "fp16":
        progress(0.0, "looking for the largest numbers")
        largest = _largest_activation(network, variant)
    sizes = [size] * 2 if size else SIZES
    runs = in_float(model).SerializeToString() if flavour == "bf16" else data
    painter = paint_function(runs, variant, network)
    rows = check_parity(network, painter, flavour, sizes, report=report, progress=progress)
    if variant == "steady":
        progress(1.0, "painting with given statistics")
        rows += _check_given(data, network, flavour, sizes, report)
    if variant in ("plain", "steady", "fused"):
        check_model(target, data)  # what we write, our own runtime must accept
    _write(target, data)
    return Export(target, len(data), rows, largest)


def _refuse_request(
    target: Path, flavour: Arithmetic, variant: ExportVariant, *, overwrite: bool
) -> None:
    """Raise `UsageError` for a target or a combination of options that no export has."""
    if variant == "fused" and flavour != "fp16":
        raise UsageError(
            "the fused variant computes in fp16 alone", cure='flavour="fp16" (--precision fp16)'
        )
    if flavour == "bf16" and variant != "plain":
        raise UsageError(
            f"the {variant} variant is not available in bf16",
            cure='flavour="fp16" (--precision fp16)',
        )
    if target.suffix != ".onnx":
        raise UsageError(
            f"cannot export to {target.suffix or 'no suffix'}", path=target, cure="use .onnx"
        )
    if target.exists() and not overwrite:
        raise UsageError("exists already", path=target, cure="pass overwrite=True (--overwrite)")


def _checkpoint(source: str | Path) -> Path:
    """Return the file at `source`.

    Raises:
        ModelError: there is none.
    """
    try:
        path = Path(source).expanduser()
        found, folder = path.exists(), path.is_dir()
    except (OSError, RuntimeError) as error:  # a name too long, no such user
        raise ModelError(f"cannot be looked up ({error})", path=source) from error
    if not found:
        names = ", ".join(card.name for card in zoo.cards())
        raise ModelError("no such checkpoint", path=path, cure=f"give a file, or a name: {names}")
    if folder:
        inside = path / "style.safetensors"
        cure = f"give {shown(inside)}" if inside.exists() else "give the .safetensors file in it"
        raise ModelError("is a folder", path=path, cure=cure)
    return path


def _metadata(
    network: StyleNetwork,
    checkpoint: Path,
    name: str,
    flavour: str,
    variant: str,
    facts: Mapping[str, str],
) -> dict[str, str]:
    """Return the metadata of the model file; `facts` come last."""
    config = network.config
    values = {
        "schema": str(SCHEMA),
        "kind": "style",
        "variant": variant,
        "name": name,
        "styles": name,
        "title": name,
        "scale": "1",
        "multiple": str(STRIDE),
        "receptive_radius": str(config.receptive_radius),
        "flavour": flavour,
        "network": f"johnson width {config.width:g} blocks {config.blocks} {config.upsample}",
        "width": f"{config.width:g}",
        "checkpoint_sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "creator": f"nst-rt {__version__}",
        "licence": "unknown",
        **facts,
    }
    return {PREFIX + key: value for key, value in values.items()}


def _graph(
    network: StyleNetwork,
    metadata: Mapping[str, str],
    flavour: Arithmetic,
    size: tuple[int, int] | None,
    variant: ExportVariant,
) -> onnx.ModelProto:
    """Return the graph, of which ONNX Runtime on CUDA leaves no pixels to the CPU."""
    if flavour == "bf16":  # an engine is built from it, by TensorRT alone
        return bfloat_graph(network, metadata, size=size)
    if variant == "fused":
        model = fused_graph(network, metadata, size=size)
    else:
        model = style_graph(network, metadata, flavour=flavour, size=size, variant=variant)
    refuse_pixels_on_cpu(model)
    return model


def _largest_activation(network: StyleNetwork, variant: ExportVariant) -> float:
    """Return the largest number inside the graph, computed in float32 as half would overflow.

    Raises:
        ParityError: it comes near the limit of half precision.
    """
    twin = (
        half_graph(network, {}, dtype=FLOAT32) if variant == "plain" else style_graph(network, {})
    )
    return max(check_range(twin).values())


def _check_given(
    model: bytes,
    network: StyleNetwork,
    flavour: Arithmetic,
    sizes: Iterable[tuple[int, int]],
    report: Callable[[Parity], object],
) -> list[Parity]:
    """Compare a "steady" graph that keeps all of the given statistics with the "apply" graph."""
    stats, apply = (
        style_graph(network, {}, variant=variant).SerializeToString()
        for variant in ("stats", "apply")
    )
    other = np.ascontiguousarray(calibration_photos()[-1][None, ::2, ::2])
    return check_given(
        paint_with_given(model, keep=np.ones(1, np.float32)),
        paint_with_given(apply),
        measure_statistics(stats, other),
        flavour,
        sizes,
        report=report,
    )


def _write(target: Path, data: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data)
    except OSError as error:
        raise OutputError.from_error(error, target) from error

"""What a `Stylizer` really uses: the model's facts, the engine, its precision and threads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nst_rt.options import PaintOptions, Size
from nst_rt.painter import Painter


@dataclass(frozen=True)
class StylizerInfo:
    """What is really in use."""

    name: str
    title: str
    path: str
    sha256: str
    steady_sha256: str | None
    """Of the steady file, None if nothing was painted with it yet."""
    network: str
    flavour: str
    provider: str
    device: str
    precision: str
    threads: int
    nodes: dict[str, int]
    """How many of the model's run where, by ONNX Runtime's name of it; empty on the CPU."""
    size: Size
    strength: float
    keep_color: bool
    max_pixels: int
    licence: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def info_of(painter: Painter, options: PaintOptions) -> StylizerInfo:
    """What is in use now.

    Raises:
        ClosedError: the painter was closed.
    """
    model, session = painter.model, painter.session()
    metadata = model.metadata
    return StylizerInfo(
        name=model.name,
        title=metadata.get("title", model.name),
        path=str(model.path),
        sha256=model.sha256,
        steady_sha256=painter.steady_sha256,
        network=metadata.get("network", "unknown"),
        flavour=model.flavour,
        provider=session.provider,
        device=session.device,
        precision=session.precision,
        threads=session.threads,
        nodes=dict(session.nodes),
        size=options.size,
        strength=options.strength,
        keep_color=options.keep_color,
        max_pixels=painter.limits.max_pixels,
        licence=metadata.get("licence", "unknown"),
    )

"""Facts about an open `Stylizer`: its model, the engine and precision in use, its options."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nst_rt.options import PaintOptions, Size
from nst_rt.painting.painter import Painter


@dataclass(frozen=True)
class StylizerInfo:
    """The model, engine and options in use."""

    name: str
    title: str
    path: str
    sha256: str
    steady_sha256: str | None
    """Hash of the steady file, None before its first use."""
    network: str
    flavour: str
    provider: str
    device: str
    precision: str
    """Arithmetic in use, as in `Session.precision`; "tf32" is one, though not asked for by name."""
    threads: int
    nodes: dict[str, int]
    """Number of the model's nodes by ONNX Runtime's execution provider; empty on the CPU."""
    size: Size
    strength: float
    keep_color: bool
    max_pixels: int
    licence: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def info_of(painter: Painter, options: PaintOptions) -> StylizerInfo:
    """Describe what a painter uses now.

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

"""A checked model file and its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from nst_rt.engines.side_car import EngineFacts
from nst_rt.errors import shown
from nst_rt.onnx_file import TensorSpec
from nst_rt.system.arguments import number, refuse_unknown

Layout = Literal["nhwc", "nchw"]


@dataclass(frozen=True)
class Adaptation:
    """How to feed a model of another program: its axis order, and its value for white."""

    layout: Layout = "nchw"
    white: float = 255.0

    def __post_init__(self) -> None:
        refuse_unknown("layout", self.layout, get_args(Layout))
        white = number("white", self.white, least=1, cure="give the model's, 1 or 255")
        object.__setattr__(self, "white", float(white))


@dataclass(frozen=True)
class ModelFile:
    """A checked model file. `data` are its bytes: replacing the file later changes nothing.

    For an engine, `engine` is its side-car, from which metadata, inputs and outputs are taken; its
    operators are unknown.
    """

    path: Path
    data: bytes
    sha256: str
    metadata: dict[str, str]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    num_nodes: int
    adaptation: Adaptation | None = None
    engine: EngineFacts | None = None
    is_shipped: bool = False
    """Whether it was found by a shipped style's name, not by its path."""

    @property
    def name(self) -> str:
        return self.metadata.get("name", self.path.stem)

    @property
    def scale(self) -> int:
        """Output pixels per input pixel along one side."""
        return int(self.metadata.get("scale", "1"))

    @property
    def flavour(self) -> str:
        """Arithmetic of the file: "fp32" or "fp16"."""
        return self.metadata.get("flavour", "fp32")

    @property
    def fused(self) -> bool:
        """Whether it needs the operators of `nst_rt.ops`."""
        return self.metadata.get("variant") == "fused"

    @property
    def num_statistics(self) -> int | None:
        """Channels of all normalizations of a steady model, which takes statistics; else None."""
        if self.metadata.get("variant") != "steady":
            return None
        channels = self.inputs[1].shape[2]
        assert isinstance(channels, int)
        return channels

    @property
    def width(self) -> float:
        """Channels of the network relative to Johnson's; if unknown, that of the shipped styles."""
        return float(self.metadata.get("width", "0.5"))

    @property
    def multiple(self) -> int:
        """Number of which height and width are multiples inside the network."""
        return int(self.metadata.get("multiple", "4"))

    @property
    def receptive_radius(self) -> int:
        """Receptive radius of an output pixel in pixels; if unknown, that of the shipped styles."""
        return int(self.metadata.get("receptive_radius", "57"))

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width of a fixed-size model, None for one that takes any."""
        layout = self.adaptation.layout if self.adaptation else "nhwc"
        height, width = self.inputs[0].shape[1:3] if layout == "nhwc" else self.inputs[0].shape[2:4]
        return (height, width) if isinstance(height, int) and isinstance(width, int) else None

    def facts(self) -> dict[str, object]:
        """Return all facts worth printing, JSON-ready."""
        known = {"licence": "unknown", **self.metadata}
        own = (
            self.engine.summary()
            if self.engine
            else {
                "opset": self.opset,
                "nodes": self.num_nodes,
                "inputs": [str(spec) for spec in self.inputs],
                "outputs": [str(spec) for spec in self.outputs],
            }
        )
        return {
            "path": shown(self.path),
            "bytes": len(self.data),
            "sha256": self.sha256,
            **known,
            **own,
        }

    def __repr__(self) -> str:
        return f"ModelFile({self.name!r}, {len(self.data):,} bytes, sha256 {self.sha256[:12]}…)"

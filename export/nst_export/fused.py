"""The graph of a style for a GPU: convolutions, and all that lies between them in one operator.

Pictures stay N×H×W×C in half precision. Beside its sixteen convolutions the network is then one
operator that pads the picture, fifteen that normalize, add and pad, and one that makes pixels
(`nst_rt/ops`); nothing computes with shapes, so nothing is left for the CPU. A convolution stands
between two transpositions, which an engine that has N×H×W×C convolutions takes away.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import torch
from onnx import helper
from torch import Tensor

from nst_export.builder import FLOAT16, FLOAT32, UINT8, GraphBuilder, rounded, value_info
from nst_export.folds import LAST_STRIDE, Convolution, FoldedNetwork, fold
from nst_rt._version import __version__
from nst_rt.model import OPERATORS as DOMAIN
from nst_train.network import MINIMUM, STRIDE, StyleNetwork

VECTOR = 8
"""Channels that a kernel reads at once; pictures have as many, paintings twice as many."""
REFLECT, REPEAT = 0, 1


def fused_graph(
    network: StyleNetwork,
    metadata: Mapping[str, str],
    *,
    size: tuple[int, int] | None = None,
) -> onnx.ModelProto:
    """Write a style network with the operators of `nst_rt.ops`, in half precision.

    Args:
        network: trained, in evaluation mode.
        metadata: written into the file as it is.
        size: height and width of a fixed-size graph of batch 1; any size by default.
    """
    return _FusedGraph(fold(network, scale_input=False, even=True)).build(metadata, size)


class _FusedGraph(GraphBuilder):
    def __init__(self, folded: FoldedNetwork) -> None:
        super().__init__()
        self.folded = folded

    def build(self, metadata: Mapping[str, str], size: tuple[int, int] | None) -> onnx.ModelProto:
        self._paint()
        batch, height, width = (1, *size) if size else ("N", "H", "W")
        picture = [batch, height, width, 3]
        return self.model(
            [value_info("image", UINT8, picture)],
            [value_info("image_out", UINT8, picture)],
            metadata,
            producer_version=__version__,
            domains={DOMAIN: 1},
        )

    def _paint(self) -> None:
        folded = self.folded
        x = self.op(
            "Begin", "image", name="image_padded", domain=DOMAIN,
            pad=4, multiple=STRIDE, least=MINIMUM,
        )  # fmt: skip
        for index, layer in enumerate(folded.down):
            last = index == len(folded.down) - 1 and not folded.blocks
            weight = layer.weight
            if index == 0:  # channels of zeros
                weight = torch.nn.functional.pad(weight, (0, 0, 0, 0, 0, VECTOR - 3))
            x = self._convolution(x, weight, f"down{index}", stride=1 if index == 0 else 2)
            edge = REPEAT if last else REFLECT
            x = self._normalize(x, layer, f"down{index}", relu=1, pad=1, edge=edge)
        for index, (first, second) in enumerate(folded.blocks):
            name = f"block{index}"
            y = self._convolution(x, first.weight, f"{name}_first")
            y = self._normalize(y, first, f"{name}_first", relu=1, pad=1, edge=REFLECT)
            y = self._convolution(y, second.weight, f"{name}_second")
            edge = REPEAT if index == len(folded.blocks) - 1 else REFLECT
            x = self._normalize(y, second, f"{name}_second", x, pad=1, edge=edge)
        for index, layer in enumerate(folded.up):
            last = index == len(folded.up) - 1
            x = self._convolution(x, phase_kernel(layer.weight), f"up{index}")
            pad, edge = (4, REFLECT) if last else (1, REPEAT)
            x = self._normalize(
                x, layer, f"up{index}", relu=1, pad=pad, edge=edge, shuffle=2, crop=1
            )
        x = self._convolution(x, _last_kernel(folded.last.weight), "last", stride=LAST_STRIDE)
        bias = self.constant("last_bias", rounded(folded.last.bias[:: LAST_STRIDE**2], FLOAT32))
        self.op("Finish", x, bias, "image", name="image_out", domain=DOMAIN)

    def _convolution(self, x: str, weight: Tensor, name: str, *, stride: int = 1) -> str:
        """Add a convolution without its bias, which a normalization takes away."""
        x = self.op("Transpose", x, name=f"{name}_planes", perm=[0, 3, 1, 2])
        kernel = self.constant(f"{name}_weight", rounded(weight, FLOAT16))
        shape = list(weight.shape[2:])
        x = self.op("Conv", x, kernel, name=name, kernel_shape=shape, strides=[stride] * 2)
        return self.op("Transpose", x, name=f"{name}_pixels", perm=[0, 2, 3, 1])

    def _normalize(
        self, x: str, layer: Convolution, name: str, *residual: str, **attributes: int
    ) -> str:
        assert layer.norm is not None
        scale = self.constant(f"{name}_scale", rounded(layer.norm.weight, FLOAT32))
        shift = self.constant(f"{name}_shift", rounded(layer.norm.bias, FLOAT32))
        given = {"relu": 0, "shuffle": 1, "crop": 0, "residual_pad": len(residual), **attributes}
        node = helper.make_node(
            "Normalize",
            [x, scale, shift, *residual],
            [f"{name}_norm", f"{name}_sums", f"{name}_affine"],  # two to work in
            name=f"{name}_norm",
            domain=DOMAIN,
            epsilon=layer.norm.eps,
            **given,
        )
        self.nodes.append(node)
        return f"{name}_norm"


def phase_kernel(transposed: Tensor) -> Tensor:
    """Return a 4×4 transposed convolution of stride 2 as a 2×2 one to the four pixels of a block.

    Args:
        transposed: kernel, inputs × outputs × 4 × 4.

    Returns:
        Kernel 4·outputs × inputs × 2 × 2; the outputs of pixel (p, q) are those from
        (2p + q)·outputs on.
    """
    phases = [
        transposed[:, :, [p + 2, p]][:, :, :, [q + 2, q]].transpose(0, 1)
        for p in range(2)
        for q in range(2)
    ]
    return torch.cat(phases)


def _last_kernel(weight: Tensor) -> Tensor:
    """Reorder channels of four pixels each to pixels of three channels each, and zeros."""
    pixels = weight.reshape(3, LAST_STRIDE**2, *weight.shape[1:]).transpose(0, 1).flatten(0, 1)
    return torch.cat([pixels, torch.zeros_like(pixels[: 2 * VECTOR - len(pixels)])])

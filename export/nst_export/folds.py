"""Exact rewrites of a trained network's weights for the graph, computed in float64.

Each is proved against the plain network by a test.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from nst_export.calibration import calibration_photos
from nst_train.network import ConvLayer, ResidualBlock, StyleNetwork, UpsampleLayer
from nst_train.phases import even_kernel, strided_kernel, transposed_kernel

_DIGITS = 10
"""Binary digits that half precision keeps after the first."""
_SCALE = 1 / 16
"""Of the first kernel, as the picture goes in as 0…255. A kernel 255 times smaller would be rounded
coarsely; this one is exact, and the normalization that follows takes the rest off."""
_SMALLEST = 1e-3
"""Least scale of a normalization that is divided by."""
LAST_STRIDE = 2
"""The last 9×9 convolution as one of stride 2 to 12 channels: measured 1.3 times as fast."""


@dataclass(frozen=True)
class Convolution:
    """One convolution node: kernel and bias, and the normalization that follows."""

    weight: Tensor
    bias: Tensor
    norm: nn.InstanceNorm2d | None = None


@dataclass(frozen=True)
class FoldedNetwork:
    """The weights of a style network, rewritten for the graph."""

    down: list[Convolution]
    blocks: list[tuple[Convolution, Convolution]]
    up: list[Convolution]
    last: Convolution

    @property
    def normalized(self) -> list[Convolution]:
        """Convolutions that a normalization follows, in the order of the graph."""
        inside = [layer for block in self.blocks for layer in block]
        return [*self.down, *inside, *self.up]

    @property
    def num_statistics(self) -> int:
        """Channels of all normalizations together."""
        return sum(layer.bias.numel() for layer in self.normalized)


def fold(network: StyleNetwork, *, scale_input: bool, even: bool = False) -> FoldedNetwork:
    """Rewrite the weights.

    Args:
        network: trained, in evaluation mode.
        scale_input: fold the division of 0…255 by 255 into the first kernel. Reflection padding
            commutes with it. Half precision keeps the division: kernels 255 times smaller would
            fall among the subnormal numbers.
        even: round the kernels of upsampling so that half precision keeps flat what is flat (see
            `nst_train.phases.even_kernel`); this alone is not exact.
    """
    network = copy.deepcopy(network).double().eval()
    biases = _centred_biases(network)
    down = [_convolution(layer, biases) for layer in network.down]
    if scale_input:
        down[0] = Convolution(down[0].weight / 255, down[0].bias, down[0].norm)
    return FoldedNetwork(
        down=down,
        blocks=[_residual(block, biases) for block in network.blocks],
        up=[_upsampling(layer, biases, even=even) for layer in network.up],
        last=_last(network.last),
    )


def with_positive_scales(folded: FoldedNetwork) -> FoldedNetwork:
    """Return an equal network whose normalizations before a Relu have positive scales."""
    return replace(
        folded,
        down=[_positive(layer, axis=0) for layer in folded.down],
        blocks=[(_positive(first, axis=0), second) for first, second in folded.blocks],
        up=[_positive(layer, axis=1) for layer in folded.up],
    )


def for_levels(layer: Convolution) -> Convolution:
    """Return the first layer for a picture of 0…255; its normalization's epsilon grows with it."""
    assert layer.norm is not None
    norm = copy.deepcopy(layer.norm)
    norm.eps *= (255 * _SCALE) ** 2
    return Convolution(layer.weight * _SCALE, layer.bias * 255 * _SCALE, norm)


def _residual(block: nn.Module, biases: dict[nn.Module, Tensor]) -> tuple[Convolution, Convolution]:
    assert isinstance(block, ResidualBlock)
    return _convolution(block.first, biases), _convolution(block.second, biases)


def _last(layer: nn.Conv2d) -> Convolution:
    """Return the last layer, which computes all phases of a block at once."""
    assert layer.bias is not None
    bias = layer.bias.repeat_interleave(LAST_STRIDE**2)
    return Convolution(strided_kernel(layer.weight, LAST_STRIDE), bias)


def _convolution(layer: nn.Module, biases: dict[nn.Module, Tensor]) -> Convolution:
    assert isinstance(layer, ConvLayer)
    return Convolution(layer.conv.weight, biases[layer.conv], layer.norm)


def _upsampling(layer: nn.Module, biases: dict[nn.Module, Tensor], *, even: bool) -> Convolution:
    """Return a 4×4 transposed convolution of stride 2, whichever form was trained."""
    assert isinstance(layer, UpsampleLayer)
    weight = layer.conv.weight
    assert isinstance(weight, Tensor)
    if layer.mode != "transposed":
        weight = transposed_kernel(even_kernel(weight, _DIGITS) if even else weight)
    return Convolution(weight, biases[layer.conv], layer.norm)


@torch.no_grad()
def _centred_biases(network: StyleNetwork) -> dict[nn.Module, Tensor]:
    """Return for every normalized convolution the bias that centres its output on a photo.

    A bias in front of an instance normalization changes nothing on paper, but it sets the point
    around which statistics are rounded: near zero a one-pass variance keeps its digits.
    """
    biases: dict[nn.Module, Tensor] = {}

    def remember(module: nn.Module, inputs: object, output: Tensor) -> None:
        bias = module.bias
        assert isinstance(bias, Tensor)
        biases[module] = bias - output.mean((0, 2, 3))

    convolutions = [layer.conv for layer in network.modules() if hasattr(layer, "norm")]
    hooks = [convolution.register_forward_hook(remember) for convolution in convolutions]  # type: ignore[union-attr]
    photo = torch.from_numpy(calibration_photos()[0]).permute(2, 0, 1)[None].double() / 255
    network(photo)
    for hook in hooks:
        hook.remove()
    return biases


def _positive(layer: Convolution, axis: int) -> Convolution:
    """Return a layer with negative outputs along `axis` of its kernel instead of scales."""
    assert layer.norm is not None
    norm = copy.deepcopy(layer.norm)
    scale = norm.weight.detach()
    signs = torch.where(scale < 0, -1.0, 1.0).to(layer.weight.dtype)
    norm.weight = torch.nn.Parameter(scale.abs().clamp_min(_SMALLEST))
    shape = [-1 if dim == axis else 1 for dim in range(4)]
    return Convolution(layer.weight * signs.view(shape), layer.bias, norm)

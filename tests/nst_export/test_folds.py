"""The rewritten weights, run in float64 as the graph runs them, against the plain network."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nst_export import folds
from nst_export.folds import LAST_STRIDE, Convolution, FoldedNetwork, fold
from nst_train.network import NetworkConfig, StyleNetwork


def biased(upsample: str, blocks: int) -> StyleNetwork:
    """A thin network in which no weight is at a value that would hide a mistake."""
    network = StyleNetwork(NetworkConfig(width=0.25, blocks=blocks, upsample=upsample))  # type: ignore[arg-type]
    for parameter in network.parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, mean=0.5, std=0.3)
    return network.double().eval().requires_grad_(False)


def normalized(y: Tensor, layer: Convolution) -> Tensor:
    assert layer.norm is not None
    result: Tensor = layer.norm(y)
    return result


def reflected(x: Tensor, layer: Convolution, stride: int = 1) -> Tensor:
    radius = layer.weight.shape[-1] // 2
    padded = F.pad(x, (radius,) * 4, mode="reflect")
    return F.conv2d(padded, layer.weight, layer.bias, stride)


def upsampled(x: Tensor, layer: Convolution) -> Tensor:
    padded = F.pad(x, (1,) * 4, mode="replicate")
    return F.conv_transpose2d(padded, layer.weight, layer.bias, stride=2, padding=3)


def last(x: Tensor, layer: Convolution) -> Tensor:
    padded = F.pad(x, (4,) * 4, mode="reflect")
    return F.pixel_shuffle(F.conv2d(padded, layer.weight, layer.bias, LAST_STRIDE), LAST_STRIDE)


def run(folded: FoldedNetwork, x: Tensor) -> Tensor:
    for layer, stride in zip(folded.down, (1, 2, 2), strict=True):
        x = F.relu(normalized(reflected(x, layer, stride), layer))
    for first, second in folded.blocks:
        y = F.relu(normalized(reflected(x, first), first))
        x = x + normalized(reflected(y, second), second)
    for layer in folded.up:
        x = F.relu(normalized(upsampled(x, layer), layer))
    return torch.sigmoid(last(x, folded.last))


@pytest.fixture
def image(photo: NDArray) -> Tensor:  # type: ignore[type-arg]
    """N×3×H×W in 0…255."""
    return torch.from_numpy(photo[:64, :48].copy()).permute(2, 0, 1)[None].double()


@pytest.mark.parametrize("upsample", ["nearest", "transposed"])
@pytest.mark.parametrize("blocks", [0, 2])
@pytest.mark.parametrize("scale_input", [True, False])
def test_all_folds_together_equal_the_network(
    upsample: str, blocks: int, scale_input: bool, image: Tensor
) -> None:
    network = biased(upsample, blocks)
    folded = fold(network, scale_input=scale_input)
    got = run(folded, image if scale_input else image / 255)
    assert (got - network(image / 255)).abs().max() < 1e-10


def test_scale_of_the_input_folds_into_the_first_convolution(image: Tensor) -> None:
    """Exactly, borders included, since reflection padding commutes with a scale."""
    network = biased("nearest", 0)
    folded, plain = (fold(network, scale_input=scale).down[0] for scale in (True, False))
    expected = reflected(image / 255, plain)
    assert (reflected(image, folded) - expected).abs().max() < 1e-12


def test_nearest_upsampling_and_convolution_are_one_transposed_convolution() -> None:
    network = biased("nearest", 0)
    layer, plain = fold(network, scale_input=True).up[0], network.up[0]
    x = torch.randn(2, 32, 5, 7, dtype=torch.float64)
    doubled = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1,) * 4, mode="reflect")
    expected = F.conv2d(doubled, plain.conv.weight, layer.bias)  # type: ignore[arg-type,union-attr]
    assert (upsampled(x, layer) - expected).abs().max() < 1e-12


def test_last_convolution_is_one_of_stride_two_and_a_shuffle() -> None:
    network = biased("nearest", 0)
    x = torch.randn(1, 8, 12, 16, dtype=torch.float64)
    expected = network.last(F.pad(x, (4,) * 4, mode="reflect"))
    assert (last(x, fold(network, scale_input=True).last) - expected).abs().max() < 1e-12


def test_a_bias_before_a_normalization_changes_nothing_and_centres_on_a_photo() -> None:
    network = biased("nearest", 1)
    layer = fold(network, scale_input=False).down[0]
    photo = torch.from_numpy(folds.calibration_photos()[0]).permute(2, 0, 1)[None].double() / 255
    y = reflected(photo, layer)
    assert y.mean((0, 2, 3)).abs().max() < 1e-12
    plain = network.down[0](photo)
    assert (normalized(y, layer) - plain).abs().max() < 1e-10


def test_the_network_that_is_folded_stays_as_it_was() -> None:
    network = StyleNetwork(NetworkConfig(width=0.25, blocks=1)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fold(network, scale_input=True)
    assert network.training
    for name, value in network.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name])

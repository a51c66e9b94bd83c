from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nst_rt.errors import ModelError
from nst_train.probe import STD, probe

Layers = dict[str, tuple[Tensor, Tensor]]
PATH = Path("vgg.safetensors")
ORIGINAL = torch.tensor([0.341195, 0.464184, 0.394167], dtype=torch.float64)
"""First tap of the original VGG-19 in blue, green and red."""


@pytest.fixture
def layers(slim_tensors: dict[str, Tensor]) -> Layers:
    stems = [key.removesuffix(".weight") for key in slim_tensors if key.endswith(".weight")]
    return {
        stem.removeprefix("conv"): (slim_tensors[f"{stem}.weight"], slim_tensors[f"{stem}.bias"])
        for stem in stems
        if stem.startswith("conv")
    }


def test_trained_weights_pass(layers: Layers) -> None:
    probe(layers, PATH)


@pytest.mark.parametrize("name", ["1_1", "3_2", "5_1"])
def test_shuffled_random_and_constant_kernels_are_refused(layers: Layers, name: str) -> None:
    weight, bias = layers[name]
    shuffled = weight.flatten()[torch.randperm(weight.numel())].view_as(weight)
    for wrong in (shuffled, torch.randn(64, 64, 3, 3), torch.zeros(4, 4, 3, 3)):
        with pytest.raises(
            ModelError, match=f"neighbouring taps of conv{name} correlate"
        ) as caught:
            probe(layers | {name: (wrong, bias)}, PATH)
        assert caught.value.exit_code == 4


def test_kernels_reshaped_from_another_order_are_refused(layers: Layers) -> None:
    """TensorFlow keeps height, width, inputs, outputs."""
    weight, bias = torch.randn(32, 16, 1, 1) + 0.1 * torch.randn(32, 16, 3, 3), torch.zeros(32)
    probe(layers | {"3_1": (weight, bias)}, PATH)
    reshaped = weight.permute(2, 3, 1, 0).reshape(32, 16, 3, 3)
    with pytest.raises(ModelError, match=r"how its kernels were reshaped"):
        probe(layers | {"3_1": (reshaped, bias)}, PATH)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(layers: Layers, value: float) -> None:
    weight, bias = layers["2_1"]
    with pytest.raises(ModelError, match="conv2_1 are not finite"):
        probe(layers | {"2_1": (weight, torch.full_like(bias, value))}, PATH)


@pytest.mark.parametrize(
    ("tap", "expects"),
    [
        (ORIGINAL, "BGR in 0…255"),
        (ORIGINAL.flip(0), "RGB in 0…255"),
        (ORIGINAL * 255, "BGR in 0…1, not normalized"),
        (ORIGINAL.flip(0) * 255, "RGB in 0…1, not normalized"),
        (ORIGINAL * torch.tensor(STD, dtype=torch.float64) * 255, "BGR, normalized as if"),
    ],
)
def test_original_weights_for_another_input_are_recognized(
    layers: Layers, tap: Tensor, expects: str
) -> None:
    weight, bias = layers["1_1"]
    weight = weight.clone()
    weight[0] = tap.view(3, 1, 1).float()
    with pytest.raises(ModelError, match=f"the original VGG-19 for another input: {expects}"):
        probe(layers | {"1_1": (weight, bias)}, PATH)


def test_original_weights_for_our_input_pass(layers: Layers) -> None:
    weight, bias = layers["1_1"]
    weight = weight.clone()
    ours = ORIGINAL.flip(0) * 255 * torch.tensor(STD, dtype=torch.float64)
    weight[0] = ours.view(3, 1, 1).float()
    probe(layers | {"1_1": (weight, bias)}, PATH)

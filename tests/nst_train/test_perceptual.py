from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from nst_rt.errors import UsageError
from nst_train import hub
from nst_train.perceptual import load_features
from nst_train.probe import MEAN, STD

Tensors = dict[str, Tensor]


@pytest.fixture
def vgg19_file(vgg19_tensors: Tensors, tmp_path: Path) -> Path:
    path = tmp_path / "vgg19.safetensors"
    save_file(vgg19_tensors, path)
    return path


@pytest.fixture
def slim_file(slim_tensors: Tensors, tmp_path: Path) -> Path:
    path = tmp_path / "slim.safetensors"
    save_file(slim_tensors, path)
    return path


def normalized(x: Tensor) -> Tensor:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (x - mean) / std


def test_features_are_those_of_a_stack_of_plain_layers(
    vgg19_file: Path, vgg19_tensors: Tensors
) -> None:
    layers: list[torch.nn.Module] = []
    for index in range(18):
        if f"features.{index}.weight" in vgg19_tensors:
            weight = vgg19_tensors[f"features.{index}.weight"]
            convolution = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            convolution.weight.data = weight
            convolution.bias.data = vgg19_tensors[f"features.{index}.bias"]  # type: ignore[union-attr]
            layers.append(convolution)
        else:
            layers.append(torch.nn.MaxPool2d(2) if index in (4, 9) else torch.nn.ReLU())
    x = torch.rand(2, 3, 20, 28)
    stack = torch.nn.Sequential(*layers)
    features = load_features(vgg19_file)(x, ["relu3_4", "relu1_1", "relu2_2"])
    for name, last in (("relu1_1", 2), ("relu2_2", 9), ("relu3_4", 18)):
        expected = stack[:last](normalized(x))
        torch.testing.assert_close(features[name], expected)


def test_slim_features_are_reflected_and_come_from_the_heads(
    slim_file: Path, slim_tensors: Tensors
) -> None:
    x = torch.rand(1, 3, 32, 32)
    y = normalized(x)
    for name in ("1_1", "1_2"):
        padded = F.pad(y, (1,) * 4, mode="reflect")
        weight, bias = slim_tensors[f"conv{name}.weight"], slim_tensors[f"conv{name}.bias"]
        y = F.relu(F.conv2d(padded, weight, bias))
    y = F.pad(F.max_pool2d(y, 2), (1,) * 4, mode="reflect")
    y = F.relu(F.conv2d(y, slim_tensors["conv2_1.weight"], slim_tensors["conv2_1.bias"]))
    y = F.relu(F.conv2d(y, slim_tensors["head2_1.weight"], slim_tensors["head2_1.bias"]))
    perceptual = load_features(slim_file)
    assert perceptual.layers == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    torch.testing.assert_close(perceptual(x, ["relu2_1"])["relu2_1"], y)


def test_the_first_file_that_has_a_layer_gives_it(vgg19_file: Path, slim_file: Path) -> None:
    x = torch.rand(1, 3, 32, 32)
    both = load_features([vgg19_file, slim_file])
    wanted = ["relu1_1", "relu3_1", "relu4_1", "relu5_1"]
    features = both(x, wanted)
    whole = load_features(vgg19_file)(x, wanted[:2])
    slim = load_features(slim_file)(x, wanted)
    for layer in wanted:
        assert torch.equal(features[layer], whole.get(layer, slim[layer]))
    assert "relu3_4" in both.layers
    assert both.identity != load_features([slim_file, vgg19_file]).identity


def test_a_layer_out_of_reach_lists_those_there_are(vgg19_file: Path) -> None:
    perceptual = load_features(vgg19_file)
    with pytest.raises(UsageError, match=r"no layer 'relu4_1'; choose among relu1_1, .*, relu3_4"):
        perceptual(torch.rand(1, 3, 16, 16), ["relu1_1", "relu4_1"])


def test_published_weights_are_asked_for_by_name(
    vgg19_tensors: Tensors, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def published(name: str) -> Tensors:
        asked.append(name)
        return vgg19_tensors

    monkeypatch.setattr(hub, "published_weights", published)
    assert "relu3_4" in load_features("vgg19").layers
    assert "relu3_4" in load_features(["vgg16"]).layers
    assert asked == ["vgg19", "vgg16"]


def test_untrained_network_reaches_every_layer_of_vgg_16() -> None:
    perceptual = load_features("untrained")
    assert perceptual.layers[-1] == "relu5_3"
    features = perceptual(torch.rand(1, 3, 32, 32), perceptual.layers)
    assert all(torch.isfinite(value).all() for value in features.values())


def test_no_gradient_flows_into_the_weights_but_through_them(vgg19_file: Path) -> None:
    perceptual = load_features(vgg19_file)
    x = torch.rand(1, 3, 16, 16, requires_grad=True)
    perceptual(x, ["relu3_1"])["relu3_1"].sum().backward()
    assert x.grad is not None
    assert not list(perceptual.parameters())
    assert not any(buffer.requires_grad for buffer in perceptual.buffers())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_computes_the_same_features_less_exactly(
    vgg19_file: Path, precision: str
) -> None:
    x = torch.rand(1, 3, 16, 16)
    exact = load_features(vgg19_file)(x, ["relu2_1"])["relu2_1"]
    rough = load_features(vgg19_file).to_precision(precision)(x, ["relu2_1"])["relu2_1"]
    assert rough.dtype != torch.float32
    torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.05)


def test_nothing_named_is_an_error() -> None:
    with pytest.raises(UsageError, match="no perceptual network is named"):
        load_features([])

"""Files of perceptual networks: the convolutions that they hold, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from nst_rt.errors import ModelError
from nst_train.probe import probe

CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions in each of the five blocks."""
Convolutions = dict[str, tuple[Tensor, Tensor]]
"""Weight and bias by name: "3_1" is the first convolution of the third block."""


@dataclass(frozen=True)
class Weights:
    """Contents of a file: 3×3 convolutions, 1×1 heads on some of them, how pictures are padded."""

    convolutions: Convolutions
    heads: Convolutions = field(default_factory=dict)
    padding: str = "zeros"


def read_weights(path: Path) -> Weights:
    """Read and probe a safetensors or npz file; a pickle is never opened.

    Raises:
        ModelError: absent, damaged, of an unknown layout, or not a trained network.
    """
    weights = arrange(_read_tensors(path), path)
    probe(weights.convolutions, path)
    return weights


def arrange(tensors: Mapping[str, Tensor], path: Path) -> Weights:
    """Find the convolutions under torchvision's keys (`features.N`) or the slim file's (`convB_I`).

    Raises:
        ModelError: neither, or shapes that do not follow each other.
    """
    if "features.0.weight" in tensors:
        # conv3_4 stands where VGG-16 has a pool; before it both are numbered alike
        layout = _layout("vgg19" if "features.16.weight" in tensors else "vgg16")
        convolutions: Convolutions = {}
        for index, name in layout.items():
            if f"features.{index}.weight" not in tensors:
                break
            convolutions[name] = _pair(tensors, f"features.{index}", path)
        weights = Weights(convolutions)
    elif "conv1_1.weight" in tensors:
        weights = Weights(
            _named(tensors, "conv", path), _named(tensors, "head", path), padding="reflect"
        )
    else:
        raise ModelError(
            f"no perceptual network that we know (its keys: {', '.join(sorted(tensors)[:4])} …)",
            path=path,
            cure="expected features.0.weight … as torchvision has them, or conv1_1.weight …",
        )
    _check_shapes(weights, path)
    return weights


def untrained() -> Weights:
    """Return a thin VGG-16 of seeded random weights, deterministic, for tests alone."""
    generator = torch.Generator().manual_seed(1905)
    convolutions, inputs = {}, 3
    blocks = zip(CONVOLUTIONS["vgg16"], (4, 8, 16, 16, 16), strict=True)
    for block, (count, outputs) in enumerate(blocks, start=1):
        for step in range(1, count + 1):
            scale = (2 / (9 * inputs)) ** 0.5
            weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * scale
            convolutions[f"{block}_{step}"] = (weight, torch.zeros(outputs))
            inputs = outputs
    return Weights(convolutions)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError(
            "no such file of a perceptual network",
            path=path,
            cure="give vgg16, vgg19 or a file (docs/training.md)",
        )
    try:
        if path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return {key: torch.from_numpy(archive[key]).float() for key in archive.files}
        return {key: tensor.float() for key, tensor in load_file(path).items()}
    except Exception as error:  # whatever a damaged file makes the readers raise
        raise ModelError(
            f"not a readable safetensors or npz file ({error})",
            path=path,
            cure="convert the weights to safetensors; pickles (.pth, .pt) are not opened",
        ) from error


def _layout(name: str) -> dict[int, str]:
    """Return the index of every convolution in torchvision's `features`, and its name ("3_1")."""
    layout, index = {}, 0
    for block, count in enumerate(CONVOLUTIONS[name], start=1):
        for step in range(1, count + 1):
            layout[index] = f"{block}_{step}"
            index += 2  # the convolution and its ReLU
        index += 1  # the pool
    return layout


def _named(tensors: Mapping[str, Tensor], kind: str, path: Path) -> Convolutions:
    keys = sorted(key for key in tensors if key.startswith(kind) and key.endswith(".weight"))
    stems = [key.removesuffix(".weight") for key in keys]
    return {stem.removeprefix(kind): _pair(tensors, stem, path) for stem in stems}


def _pair(tensors: Mapping[str, Tensor], stem: str, path: Path) -> tuple[Tensor, Tensor]:
    if f"{stem}.bias" not in tensors:
        raise ModelError(f"{stem}.bias is missing", path=path)
    return tensors[f"{stem}.weight"], tensors[f"{stem}.bias"]


def _check_shapes(weights: Weights, path: Path) -> None:
    inputs, outputs = 3, {}
    for name in sorted(weights.convolutions):
        weight, bias = weights.convolutions[name]
        _check_pair(f"conv{name}", weight, bias, (inputs, 3, 3), path)
        inputs = outputs[name] = weight.shape[0]
    for name, (weight, bias) in weights.heads.items():
        if name not in outputs:
            raise ModelError(f"head{name} has no conv{name} below it", path=path)
        _check_pair(f"head{name}", weight, bias, (outputs[name], 1, 1), path)


def _check_pair(
    name: str, weight: Tensor, bias: Tensor, expected: tuple[int, int, int], path: Path
) -> None:
    if weight.dim() != 4 or tuple(weight.shape[1:]) != expected or bias.shape != weight.shape[:1]:
        raise ModelError(
            f"{name} is {tuple(weight.shape)} with bias {tuple(bias.shape)}; "
            f"expected O×{'×'.join(map(str, expected))} and O",
            path=path,
        )

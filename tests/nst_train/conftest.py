"""Tiny pictures, perceptual networks and configurations: a run takes a second on one thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nst_train.config import FastConfig
from nst_train.vgg_files import CONVOLUTIONS

MakeConfig = Callable[..., FastConfig]


def blocks(seed: int, height: int, width: int) -> np.ndarray[Any, Any]:
    """Return a picture of coloured 8-pixel squares, uint8 H×W×3."""
    random = np.random.default_rng(seed)
    squares = random.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return squares.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


def smooth_layer(outputs: int, inputs: int, size: int = 3) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution whose neighbouring taps are alike, as if trained."""
    levels = torch.randn(outputs, inputs, 1, 1)
    weight = (levels + 0.3 * torch.randn(outputs, inputs, size, size)) / inputs**0.5 / size
    return weight, torch.randn(outputs) * 0.1


@pytest.fixture
def vgg19_tensors() -> dict[str, Tensor]:
    """Return a thin VGG-19 to conv3_4 under torchvision's keys, like cut files of the original."""
    torch.manual_seed(19)
    tensors, inputs, index = {}, 3, 0
    for count, outputs in zip(CONVOLUTIONS["vgg19"][:3], (4, 5, 6), strict=True):
        for _ in range(count):
            stem = f"features.{index}"
            tensors[f"{stem}.weight"], tensors[f"{stem}.bias"] = smooth_layer(outputs, inputs)
            inputs, index = outputs, index + 2
        index += 1
    return tensors


@pytest.fixture
def slim_tensors() -> dict[str, Tensor]:
    """Return a thin student of VGG-19 to conv5_1: reflection padding, 1×1 heads on conv*_1."""
    torch.manual_seed(16)
    tensors, inputs = {}, 3
    for block, count in enumerate((2, 2, 4, 4, 1), start=1):
        for step in range(1, count + 1):
            stem, outputs = f"conv{block}_{step}", 2 + block
            tensors[f"{stem}.weight"], tensors[f"{stem}.bias"] = smooth_layer(outputs, inputs)
            inputs = outputs
        stem = f"head{block}_1"
        tensors[f"{stem}.weight"], tensors[f"{stem}.bias"] = smooth_layer(8 + block, inputs, 1)
    return tensors


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(5):
        Image.fromarray(blocks(index, 40 + 4 * index, 56)).save(folder / f"photo-{index}.png")
    return folder


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    path = tmp_path / "painting.png"
    Image.fromarray(blocks(99, 64, 64)).save(path)
    return path


@pytest.fixture
def make_config(photos: Path, painting: Path, tiny_run: dict[str, Any]) -> MakeConfig:
    """Return a function that makes the configuration of a tiny run, with changes."""

    def make(**changes: Any) -> FastConfig:
        given = {"style": str(painting), "photos": str(photos)}
        return FastConfig.from_mapping(tiny_run | given | changes)

    return make

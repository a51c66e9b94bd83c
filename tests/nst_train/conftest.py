"""Tiny pictures and configurations: a whole run takes a second or two on one thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_train.config import FastConfig

MakeConfig = Callable[..., FastConfig]


def blocks(seed: int, height: int, width: int) -> np.ndarray[Any, Any]:
    """A picture of coloured 8-pixel squares, uint8 H×W×3."""
    random = np.random.default_rng(seed)
    squares = random.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return squares.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


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
def make_config(photos: Path, painting: Path) -> MakeConfig:
    """A configuration of a tiny run; keyword arguments change it."""

    def make(**changes: Any) -> FastConfig:
        values: dict[str, Any] = {
            "style": str(painting),
            "photos": str(photos),
            "features": ("untrained",),
            "steps": 4,
            "size": 32,
            "batch": 2,
            "style_size": 64,
            "style_layers": ("relu1_1", "relu2_1"),
            "content_layer": "relu2_1",
            "width": 0.25,
            "blocks": 1,
            "precision": "fp32",
            "threads": 1,
            "workers": 0,
        }
        return FastConfig.from_mapping(values | changes)

    return make

"""A tiny style, with all that the programs ask for: painting, photos, checkpoint, model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nst_train.config import FastConfig
from nst_train.network import StyleNetwork
from nst_train.style_file import write_style


@pytest.fixture
def paintings(tmp_path: Path, photo: NDArray[np.uint8]) -> Path:
    """A folder with one painting, `stripes.png`."""
    folder = tmp_path / "paintings"
    folder.mkdir()
    stripes = np.roll(photo[:64, :64], 20, axis=0).transpose(1, 0, 2)
    Image.fromarray(255 - stripes).save(folder / "stripes.png")
    return folder


@pytest.fixture
def photos(tmp_path: Path, photo: NDArray[np.uint8]) -> Path:
    """A folder of four photos of 64×64 pixels."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(4):
        Image.fromarray(photo[40 * index :][:64, 30:94]).save(folder / f"photo-{index}.png")
    return folder


@pytest.fixture
def config(paintings: Path, photos: Path, tiny_run: dict[str, Any]) -> FastConfig:
    """Two epochs of two steps on one thread."""
    given = {"style": str(paintings / "stripes.png"), "photos": str(photos), "crops_per_photo": 1}
    return FastConfig.from_mapping(tiny_run | given)


@pytest.fixture
def checkpoint(tmp_path: Path, network: StyleNetwork, config: FastConfig) -> Path:
    """The thin network as a run of `train fast` leaves it."""
    path = tmp_path / "style.safetensors"
    write_style(path, network, config, 4)
    return path

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from nst_rt.errors import InputError
from nst_train.painting import read_painting
from nst_train.perceptual import load_features


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "painting.png"


def test_long_side_gets_the_size_asked_for(path: Path) -> None:
    Image.new("RGB", (300, 200), (255, 0, 51)).save(path)
    painting = read_painting(path, long_side=150)
    assert painting.shape == (1, 3, 100, 150)
    torch.testing.assert_close(painting[0, :, 5, 5], torch.tensor([1.0, 0.0, 0.2]))


def test_small_painting_is_enlarged_with_a_line(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGB", (40, 20)).save(path)
    assert read_painting(path, long_side=128).shape == (1, 3, 64, 128)
    assert "40x20 is enlarged to 128" in caplog.text


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 8)])
def test_a_painting_without_strokes_is_refused(path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(path)
    with pytest.raises(InputError, match=f"{size[0]}x{size[1]} pixels holds no strokes") as caught:
        read_painting(path, long_side=128)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("size", [(20, 900), (900, 20)])
def test_the_deepest_layer_takes_a_very_long_painting(
    path: Path,
    size: tuple[int, int],
    caplog: pytest.LogCaptureFixture,
    slim_tensors: dict[str, Tensor],
) -> None:
    Image.new("RGB", size).save(path)
    painting = read_painting(path, long_side=256)
    assert sorted(painting.shape[2:]) == [32, 256]
    assert "is squeezed" in caplog.text
    save_file(slim_tensors, path.with_suffix(".safetensors"))
    perceptual = load_features(path.with_suffix(".safetensors"))
    assert min(perceptual(painting, ["relu5_1"])["relu5_1"].shape[2:]) == 2


def test_transparent_parts_are_white_with_a_line(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, 16:, 3] = 255
    Image.fromarray(pixels).save(path)
    painting = read_painting(path, long_side=32)
    assert painting[0, 0, 16, 0] == 1
    assert painting[0, 0, 16, 31] == 0
    assert "laid on white" in caplog.text

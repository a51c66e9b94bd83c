"""Times of the steps of one photo, each alone, for comparing two states of the code.

python -m pytest benchmarks --benchmark-autosave
python -m pytest benchmarks --benchmark-compare
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nst_export.calibration import calibration_photos
from nst_rt import Stylizer
from nst_rt.images import Picture, encode_picture, read_picture, restore_detail, shrink

Timed = Callable[..., Any]


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    """Return two megapixels, uint8 1228×1638×3."""
    portrait = calibration_photos()[0]
    return np.ascontiguousarray(np.resize(portrait, (1228, 1638, 3)))


@pytest.fixture(scope="module")
def jpeg(photo: NDArray[np.uint8]) -> bytes:
    return encode_picture(Picture(photo), "JPEG")


def test_decode(benchmark: Timed, jpeg: bytes) -> None:
    assert benchmark(read_picture, jpeg).width == 1638


def test_encode(benchmark: Timed, photo: NDArray[np.uint8]) -> None:
    assert benchmark(encode_picture, Picture(photo), "JPEG")


def test_shrink(benchmark: Timed, photo: NDArray[np.uint8]) -> None:
    assert benchmark(shrink, photo, 480, 640).shape == (480, 640, 3)


def test_restore_detail(benchmark: Timed, photo: NDArray[np.uint8]) -> None:
    small = shrink(photo, 480, 640)
    assert benchmark(restore_detail, small, photo, small).shape == photo.shape


@pytest.mark.parametrize("side", [256, 512])
def test_paint(benchmark: Timed, photo: NDArray[np.uint8], side: int) -> None:
    with Stylizer("starry-night", size="full") as stylizer:
        square = photo[:side, :side].copy()
        assert benchmark(stylizer, square).shape == (side, side, 3)

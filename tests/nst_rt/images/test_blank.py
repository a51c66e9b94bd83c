"""Paintings in one colour are detected, except those of photos in one colour."""

from __future__ import annotations

import numpy as np
import pytest

from nst_rt.images import is_blank

BLACK = np.zeros((90, 160, 3), np.uint8)


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)


@pytest.mark.parametrize("color", [0, 255, (200, 30, 30)])
def test_one_colour_is_blank_where_the_photo_is_not(photo, color) -> None:
    assert is_blank(np.full_like(photo, color), photo)


def test_flat_photos_may_become_one_colour(photo) -> None:
    assert not is_blank(BLACK, np.full_like(photo, (200, 30, 30)))
    assert not is_blank(BLACK, BLACK + photo % 20)  # the noise of a camera in the dark
    assert not is_blank(BLACK[:9, :9], photo[:9, :9])


def test_a_single_pixel_is_enough_to_tell(photo) -> None:
    painting = BLACK.copy()
    painting[37, 91, 2] = 1
    assert not is_blank(painting, photo)
    assert not is_blank(photo, photo)

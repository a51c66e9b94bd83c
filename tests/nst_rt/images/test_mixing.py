"""Strength, colours and backgrounds."""

from __future__ import annotations

import numpy as np
import pytest

from nst_rt.images import blend, keep_color


def test_strength_goes_from_photo_to_painting(photo) -> None:
    painting = photo[::-1].copy()
    assert (blend(photo, painting, 0) == photo).all()
    assert (blend(photo, painting, 1) == painting).all()
    half = (photo.astype(int) + painting) / 2
    assert np.abs(blend(photo, painting, 0.5) - half).max() <= 1


def test_colours_are_the_photos_and_luminance_the_paintings() -> None:
    weights = np.array([0.299, 0.587, 0.114])
    photo = np.full((8, 8, 3), (150, 110, 90), np.uint8)
    painting = np.full((8, 8, 3), (90, 120, 140), np.uint8)
    mixed = keep_color(painting, photo).astype(float)
    assert mixed[0, 0] @ weights == pytest.approx(painting[0, 0] @ weights, abs=2)
    red_over_blue = mixed[0, 0, 0] - mixed[0, 0, 2]
    assert red_over_blue == pytest.approx(60, abs=3)

"""Large photos are painted small and enlarged with their own detail."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nst_rt.images import detail, restore_detail, shrink, working_size


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 4_000))
def test_working_size_keeps_the_longer_side_in_bounds(height, width, long_side) -> None:
    small = working_size(height, width, long_side)
    assert min(small) >= 1
    assert max(small) == min(long_side, max(height, width))
    if max(height, width) <= long_side:
        assert small == (height, width)


@pytest.fixture(scope="module")
def large(photo) -> np.ndarray:
    return np.array(Image.fromarray(photo).resize((701, 597), Image.Resampling.LANCZOS))


def test_a_painting_that_is_the_photo_gets_its_detail_back(large) -> None:
    small = shrink(large, 200, 235)
    restored = restore_detail(small, large, small).astype(int)
    blurred = np.asarray(Image.fromarray(small).resize((701, 597), Image.Resampling.BICUBIC))
    assert restored.shape == large.shape
    assert np.abs(restored - large).mean() < 0.6 * np.abs(blurred.astype(int) - large).mean()


@pytest.mark.parametrize("invert", [False, True])
def test_edges_have_no_halo(invert) -> None:
    """A painted edge stays within the painting's own levels on both of its sides."""
    edge = np.full((256, 400, 3), 60, np.uint8)
    edge[:, 201:] = 190
    small = shrink(edge, 64, 100)
    painting = 255 - small if invert else small
    flat = np.where(np.arange(100) < 50, 60, 190).astype(np.uint8)
    painting = np.broadcast_to(flat[None, :, None], small.shape).copy()
    if invert:
        painting = 255 - painting
    restored = restore_detail(painting, edge, small)
    assert restored.min() >= painting.min()
    assert restored.max() <= painting.max()


def test_strokes_that_the_photo_lacks_stay() -> None:
    flat = np.full((300, 300, 3), 128, np.uint8)
    small = shrink(flat, 100, 100)
    strokes = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(strokes).resize((300, 300), Image.Resampling.BICUBIC))
    restored = restore_detail(strokes, flat, small)
    assert np.abs(restored.astype(int) - smooth).max() <= 40  # no more than the guard against halos


def test_strips_leave_no_seam(large, monkeypatch) -> None:
    large = large // 2 + 64  # away from black and white, where overshoot is cut off
    small = shrink(large, 150, 177)
    whole = restore_detail(small, large, small)
    monkeypatch.setattr(detail, "STRIP", 37)
    assert (
        np.abs(restore_detail(small, large, small).astype(int) - whole).max() <= 3
    )  # rounding of kernels

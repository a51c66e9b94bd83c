"""Cuts are told from fades, flashes and pans."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nst_export.calibration import calibration_photos
from nst_rt.video.cuts import Thumbnail


@pytest.fixture(scope="module")
def scenes():
    return [photo[:180, :240] for photo in calibration_photos()]


def cut(before, after) -> bool:
    return Thumbnail.of(np.ascontiguousarray(after)).begins_another_scene(
        Thumbnail.of(np.ascontiguousarray(before))
    )


def test_another_picture_is_a_cut(scenes) -> None:
    assert cut(scenes[0], scenes[1])
    assert cut(scenes[0], scenes[0][::-1])
    assert cut(np.zeros_like(scenes[0]), scenes[0])
    assert not cut(scenes[0], scenes[0])


@pytest.mark.parametrize("frames", [4, 12, 50])
def test_fade_to_black_and_back_is_none(scenes, frames: int) -> None:
    levels = np.abs(np.linspace(-1, 1, frames))
    faded = [(scenes[0] * level).astype(np.uint8) for level in levels]
    assert not any(cut(one, other) for one, other in itertools.pairwise(faded))


def test_dissolve_is_none(scenes) -> None:
    one, other = (scene.astype(np.float32) for scene in scenes[:2])
    mixed = [(one + (other - one) * k / 24).astype(np.uint8) for k in range(25)]
    assert not any(cut(a, b) for a, b in itertools.pairwise(mixed))


def test_change_of_exposure_is_none(scenes) -> None:
    assert not cut(scenes[0], np.minimum(scenes[0].astype(int) + 60, 255).astype(np.uint8))
    assert not cut(scenes[0], scenes[0] // 3)


@pytest.mark.parametrize("step", [2, 10, 20])
def test_pan_by_a_tenth_of_the_width_is_none(photo, step: int) -> None:
    views = [photo[20:140, x : x + 200] for x in range(0, 56, step)]
    assert not any(cut(one, other) for one, other in itertools.pairwise(views))


def test_noise_in_the_dark_is_none() -> None:
    rng = np.random.default_rng(0)
    dark = [rng.integers(0, 9, (90, 160, 3), np.uint8) for _ in range(2)]
    assert not cut(*dark)
    assert Thumbnail.of(dark[0]).is_flat

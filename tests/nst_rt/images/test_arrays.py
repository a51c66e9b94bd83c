"""Arrays are accepted with any strides, or refused with what was expected."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nst_rt.errors import InputError, UsageError
from nst_rt.images import as_rgb_array


def test_strides_and_flags_do_not_matter(photo) -> None:
    frozen = photo.copy()
    frozen.flags.writeable = False
    padded = np.zeros((photo.shape[0], photo.shape[1] * 2, 3), np.uint8)
    padded[:, ::2] = photo
    turned = photo[::-1, ::-1].copy()[::-1, ::-1]
    assert turned.strides[0] < 0
    for array in (np.asfortranarray(photo), turned, padded[:, ::2], frozen):
        pixels, alpha = as_rgb_array(array)
        assert pixels.flags.c_contiguous
        assert (pixels == photo).all()
        assert alpha is None


def test_color_order_and_layout_are_as_asked(photo) -> None:
    assert (as_rgb_array(photo[..., ::-1], color="bgr")[0] == photo).all()
    assert (as_rgb_array(photo.transpose(2, 0, 1), layout="chw")[0] == photo).all()
    with pytest.raises(UsageError, match="color is 'gbr'"):
        as_rgb_array(photo, color="gbr")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0,), np.uint8), "got 0"),
        (np.zeros((0, 5, 3), np.uint8), "at least one pixel"),
        (np.zeros((5, 5), np.uint8), "expected H×W×3 or ×4"),
        (np.zeros((5, 5, 5), np.uint8), "got 5×5×5"),
        (np.zeros((3, 50, 60), np.uint8), "pass layout='chw'"),
        (np.zeros((4, 4, 3), np.float32), "expected uint8, got float32 4×4×3; multiply"),
        (np.zeros((4, 4, 3), np.int64), "expected uint8, got int64"),
        (np.zeros((4, 4, 3), bool), "expected uint8, got bool"),
    ],
)
def test_other_arrays_are_refused(array, message) -> None:
    with pytest.raises(InputError, match=message):
        as_rgb_array(array)


@pytest.mark.parametrize(
    ("shape", "layout", "cure"),
    [
        ((5, 6), "hwc", r"numpy.stack([array] * 3, axis=-1)"),
        ((5, 6), "chw", r"numpy.stack([array] * 3, axis=0)"),
        ((5, 6, 1), "hwc", "array.repeat(3, axis=-1)"),
        ((2, 5, 6, 1), "hwc", "array.repeat(3, axis=-1)"),
        ((1, 5, 6), "chw", "array.repeat(3, axis=-3)"),
    ],
)
def test_gray_arrays_are_refused_with_the_way_to_rgb(shape, layout, cure) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with pytest.raises(InputError, match=re.escape(f"give gray three channels: {cure}")):
        as_rgb_array(array, layout=layout)
    pixels, _ = as_rgb_array(eval(cure, {"numpy": np, "array": array}), layout=layout)
    assert pixels.shape[-3:] == (5, 6, 3)
    assert (pixels == array.reshape(pixels.shape[:-1])[..., None]).all()


def test_nan_and_inf_are_counted_and_placed() -> None:
    array = np.zeros((4, 5, 3), np.float32)
    array[2, 3, 1], array[3, 0, 0] = np.nan, np.inf
    with pytest.raises(InputError, match=r"2 values are NaN or infinite, the first at \(2, 3, 1\)"):
        as_rgb_array(array)

"""Pictures with more than 8 bits a channel are rounded to 8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import InputError
from nst_rt.images import read_picture
from tests.nst_rt.images.encoding import png16, tiff16


@pytest.fixture
def ramp() -> np.ndarray:
    """All 65,536 levels, 256×256."""
    return np.arange(65536, dtype=np.uint16).reshape(256, 256)


def test_16_bit_gray_is_scaled_not_clipped(ramp, caplog) -> None:
    picture = read_picture(png16(ramp))
    expected = np.rint(ramp / 257).astype(np.uint8)
    assert (picture.rgb == expected[..., None]).all()
    assert picture.gray
    assert [record.message for record in caplog.records] == [
        "picture: has 16 bits a channel, is painted with 8"
    ]


def test_16_bit_colours_are_read_with_all_their_bits(ramp) -> None:
    values = np.stack([ramp, ramp[::-1], ramp.T], axis=-1)
    picture = read_picture(png16(values))
    assert (picture.rgb == np.rint(values / 257)).all()
    for order in "<>":
        assert (read_picture(tiff16(values, order)).rgb == np.rint(values / 257)).all()
    clear = read_picture(png16(np.dstack([values, ramp.T[::-1]])))
    assert (clear.rgb == picture.rgb).all()
    assert (clear.alpha == np.rint(ramp.T[::-1] / 257)).all()


def test_16_bit_levels_stay_in_order(ramp) -> None:
    """65,536 levels become 256, none brighter than the one after it; 1000 of 65,535 is 4 of 255."""
    for channels, level in {1: 4, 2: 3, 3: 4, 4: 4}.items():  # of gray and alpha the high byte
        values = np.dstack([ramp] * channels) if channels > 1 else ramp
        levels = read_picture(png16(values)).rgb[..., 0].ravel().astype(int)
        assert set(np.diff(levels)) == {0, 1}
        assert (levels[0], levels[1000], levels[-1]) == (0, level, 255)


def test_16_bit_gray_tiff_is_scaled(ramp, tmp_path: Path) -> None:
    path = tmp_path / "ramp.tif"
    Image.fromarray(ramp).save(path)
    assert (read_picture(path).rgb[..., 0] == np.rint(ramp / 257)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_float_tiff_with_nan_is_refused(value, tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    pixels = np.full((4, 4), 0.5, np.float32)
    Image.fromarray(pixels).save(path)
    assert (read_picture(path).rgb == 128).all()
    pixels[1, 2] = value
    Image.fromarray(pixels).save(path)
    with pytest.raises(InputError, match="NaN or infinite"):
        read_picture(path)

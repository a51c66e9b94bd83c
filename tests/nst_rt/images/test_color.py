"""Colour profiles: what is seen stays what is seen."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from nst_rt.images import encode_picture, read_picture
from tests.nst_rt.images.test_reading import encoded


def rgb_profile(gamma: float, primaries: list[tuple[float, float, float]]) -> bytes:
    """A matrix profile (ICC 2.1) of three primaries in D50 XYZ and one gamma."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    title = b"a profile of the tests\0"
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(title)) + title + b"\0" * 79,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz(primaries[0]), b"gXYZ": xyz(primaries[1]), b"bXYZ": xyz(primaries[2]),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        body += b"\0" * (-len(body) % 4)
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body
    total = start + len(data)
    head = struct.pack(">I", total) + b"\0" * 4 + b"\x02\x10\0\0mntrRGB XYZ " + b"\0" * 12
    head += b"acsp" + b"\0" * 28 + b"".join(map(fixed, (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + data


@pytest.fixture(scope="module")
def adobe_rgb() -> bytes:
    """Primaries and gamma of Adobe RGB (1998), adapted to D50."""
    primaries = [
        (0.60974, 0.31111, 0.01947),
        (0.20528, 0.62567, 0.06087),
        (0.14919, 0.06322, 0.74457),
    ]
    return rgb_profile(2.19922, primaries)


def test_wide_profile_is_converted_for_the_network_and_back(adobe_rgb) -> None:
    patches = np.array(
        [[[128, 128, 128], [150, 100, 90], [90, 120, 160], [200, 190, 80]]], np.uint8
    )
    patches = patches.repeat(8, 0).repeat(8, 1)
    picture = read_picture(encoded(Image.fromarray(patches), icc_profile=adobe_rgb))
    red_brown = picture.rgb[0, 8].astype(int)
    assert red_brown[0] > 152  # sRGB's red is weaker: the same colour needs a larger number
    again = Image.open(io.BytesIO(encode_picture(picture)))
    assert again.info["icc_profile"] == adobe_rgb
    assert np.abs(np.asarray(again).astype(int) - patches).max() <= 2


def test_alpha_passes_beside_a_profile(adobe_rgb) -> None:
    image = Image.new("RGBA", (6, 5), (150, 100, 90, 77))
    picture = read_picture(encoded(image, icc_profile=adobe_rgb))
    assert (picture.alpha == 77).all()
    again = read_picture(encode_picture(picture))
    assert (again.alpha == 77).all()
    assert np.abs(again.rgb.astype(int) - picture.rgb).max() <= 1


def test_gray_picture_of_an_rgb_profile_is_converted_as_one(adobe_rgb, caplog) -> None:
    gray = Image.new("L", (6, 5), 128)
    picture = read_picture(encoded(gray, "PNG", icc_profile=adobe_rgb))
    same = read_picture(encoded(gray.convert("RGB"), "PNG", icc_profile=adobe_rgb))
    assert (picture.rgb == same.rgb).all()
    assert picture.metadata.icc == adobe_rgb
    assert not caplog.records
    kept = Image.open(io.BytesIO(encode_picture(picture, gray=True)))
    assert (kept.mode, kept.getpixel((0, 0))) == ("L", int(picture.rgb[0, 0, 0]))
    assert "icc_profile" not in kept.info


def test_profile_of_other_pixels_is_passed_over_with_one_warning(adobe_rgb, caplog) -> None:
    inks = Image.new("RGB", (16, 16), (200, 60, 30)).convert("CMYK")
    picture = read_picture(encoded(inks, "JPEG", quality=100, icc_profile=adobe_rgb))
    assert np.abs(picture.rgb.astype(int) - (200, 60, 30)).max() <= 3
    assert len(caplog.records) == 1

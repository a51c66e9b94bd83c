"""Colour profiles: colours look the same before and after."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt import Stylizer
from nst_rt.images import encode_picture, read_picture
from tests.nst_rt.images.test_reading import encoded
from tests.nst_rt.test_stylizer import one_node_model

Lab = tuple[float, float, float]
WHITE = (0.9642, 1.0, 0.8249)
"""D50 in XYZ, white of the profile connection space."""


def rgb_profile(gamma: float, primaries: list[tuple[float, float, float]]) -> bytes:
    """Return a matrix profile (ICC 2.1) of three primaries in D50 XYZ and one gamma."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {
        b"rXYZ": xyz(primaries[0]), b"gXYZ": xyz(primaries[1]), b"bXYZ": xyz(primaries[2]),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    return icc_profile(b"mntrRGB XYZ ", tags)


def ink_profile(lab_of: Callable[..., Lab]) -> bytes:
    """Return a printer's profile (ICC 2.1): colours of mixtures of full inks, linear between."""

    def encoded_lab(lightness: float, a: float, b: float) -> bytes:
        return bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])

    corners = b"".join(encoded_lab(*lab_of(*inks)) for inks in product((0, 1), repeat=4))
    unchanged = bytes(range(256))
    identity = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity
    table += unchanged * 4 + corners + unchanged * 3
    return icc_profile(b"prtrCMYKLab ", {b"A2B0": table})


def icc_profile(kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return an ICC 2.1 profile of device class, colour space and connection space `kind`."""
    white = b"".join(struct.pack(">i", round(value * 65536)) for value in WHITE)
    title = b"a profile of the tests\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(title)) + title + b"\0" * 79,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": b"XYZ \0\0\0\0" + white,
        **tags,
    }
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        body += b"\0" * (-len(body) % 4)
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body
    total = start + len(data)
    head = struct.pack(">I", total) + b"\0" * 4 + b"\x02\x10\0\0" + kind + b"\0" * 12
    head += b"acsp" + b"\0" * 28 + white
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


@pytest.fixture(scope="module")
def display_p3() -> bytes:
    """Primaries of Display P3, adapted to D50, and a gamma near its curve."""
    primaries = [
        (0.51512, 0.24120, -0.00105),
        (0.29198, 0.69225, 0.04189),
        (0.15710, 0.06657, 0.78407),
    ]
    return rgb_profile(2.2, primaries)


def test_wide_profiles_come_back_from_a_painting_as_they_were(
    adobe_rgb, display_p3, photo, tmp_path: Path
) -> None:
    picture = Image.fromarray(photo // 2 + 64)  # within sRGB
    with Stylizer(one_node_model(tmp_path / "identity.onnx"), threads=1) as identity:
        for profile in (adobe_rgb, display_p3):
            for kind in ("PNG", "TIFF"):
                data = identity(encoded(picture, kind, icc_profile=profile))
                painted = Image.open(io.BytesIO(data))
                assert painted.info["icc_profile"] == profile
                difference = np.asarray(painted).astype(int) - np.asarray(picture)
                assert np.abs(difference).max() <= 2
            seen = read_picture(encoded(picture, icc_profile=profile)).rgb
            assert np.abs(seen.astype(int) - np.asarray(picture)).max() > 5


def lab_of_paint(cyan: int, magenta: int, yellow: int, black: int) -> Lab:
    """Weak inks; the paper is white, as in every profile."""
    if black:
        return 10, 0, 0
    lightness = 100 - 30 * cyan - 30 * magenta - 15 * yellow
    return lightness, 30 * magenta - 15 * cyan, 25 * yellow - 25 * cyan - 15 * magenta


@pytest.fixture(scope="module")
def paint_profile() -> bytes:
    return ink_profile(lab_of_paint)


def lab_of_srgb(rgb: np.ndarray) -> np.ndarray:
    """Return CIE Lab (D50) of one sRGB pixel of 0…255."""
    x = np.asarray(rgb) / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    to_xyz = [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
    t = np.array(to_xyz) @ linear / WHITE
    x, y, z = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("inks", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0),
                                  (1, 1, 0, 0), (0, 1, 1, 0), (0, 0, 0, 1)])  # fmt: skip
def test_inks_with_a_profile_look_as_it_says(inks, paint_profile) -> None:
    image = Image.new("CMYK", (16, 16), tuple(255 * ink for ink in inks))
    picture = read_picture(encoded(image, "JPEG", quality=100, icc_profile=paint_profile))
    expected = np.array(lab_of_paint(*inks))
    assert np.linalg.norm(lab_of_srgb(picture.rgb[8, 8]) - expected) < 3
    assert np.linalg.norm(lab_of_srgb(image.convert("RGB").getpixel((8, 8))) - expected) > 5
    assert picture.metadata.icc is None  # its painting is no longer made of these inks


@pytest.mark.parametrize("profiled", [False, True])
def test_ycck_is_read_as_the_same_inks(photo, paint_profile, profiled) -> None:
    """As Photoshop writes it: Y, Cb and Cr of the inks, all inverted, with a marker for that."""
    options = {"quality": 100, "subsampling": "4:4:4"}
    if profiled:
        options["icc_profile"] = paint_profile
    cyan, magenta, yellow = Image.fromarray(photo[:64, :64]).split()
    black = Image.new("L", cyan.size, 40)
    plain = Image.merge("CMYK", (cyan, magenta, yellow, black))
    planes = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr").split()
    inverted = [plane.point(lambda level: 255 - level) for plane in planes]
    data = bytearray(encoded(Image.merge("CMYK", (*inverted, black)), "JPEG", **options))
    data[data.index(b"Adobe") + 11] = 2
    got = read_picture(bytes(data)).rgb.astype(int)
    expected = read_picture(encoded(plain, "JPEG", **options)).rgb
    assert np.abs(got - expected).mean() < 1
    assert np.abs(got - expected).max() <= 6


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

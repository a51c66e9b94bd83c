"""Pictures of every kind are read as upright 8-bit sRGB."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import InputError, LimitError
from nst_rt.images import PictureLimits, from_pil, read_picture
from tests.nst_rt.images.encoding import encoded, png16


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode) -> None:
    image = Image.new("RGB", (9, 7), (255, 255, 255)).convert(mode)
    picture = from_pil(image)
    assert (picture.rgb == 255).all()
    assert picture.rgb.shape == (7, 9, 3)
    assert picture.gray == (mode in ("1", "L", "LA"))
    assert (picture.alpha is not None) == (mode in ("LA", "RGBA"))


def test_palette_transparency_becomes_alpha_without_a_fringe() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    for kind in ("PNG", "GIF"):
        picture = read_picture(encoded(image, kind, transparency=1))
        assert picture.alpha.tolist() == [[255, 0]]
        assert picture.rgb[0, 0].tolist() == [255, 0, 0]


def test_cmyk_jpeg_keeps_its_colours() -> None:
    inks = Image.new("RGB", (16, 16), (200, 60, 30)).convert("CMYK")
    picture = read_picture(encoded(inks, "JPEG", quality=100))
    assert np.abs(picture.rgb.astype(int) - (200, 60, 30)).max() <= 3
    assert picture.metadata.icc is None


def test_damaged_profile_is_passed_over_with_one_warning(caplog) -> None:
    image = Image.new("RGB", (8, 8), (10, 200, 30))
    picture = read_picture(encoded(image, icc_profile=b"not a profile" * 20))
    assert (picture.rgb == (10, 200, 30)).all()
    assert picture.metadata.icc is None
    assert len(caplog.records) == 1
    assert "colour profile is unusable" in caplog.records[0].message


def test_lazily_loaded_pil_images_are_checked_like_files(photo, caplog) -> None:
    data = encoded(Image.fromarray(photo))
    with pytest.raises(InputError, match=r"damaged \(.*truncated"):
        from_pil(Image.open(io.BytesIO(data[: len(data) // 2])))
    large = Image.open(io.BytesIO(data))
    with pytest.raises(LimitError, match=r"256x256 is 65,536 pixels, the limit is 65,535"):
        from_pil(large, PictureLimits(65_535))
    assert large.tile  # not decoded
    from_pil(Image.open(io.BytesIO(png16(np.zeros((8, 8, 3), np.uint16)))))
    assert [record.message for record in caplog.records] == [
        "picture: has 16 bits a channel, is painted with 8"
    ]


def test_pil_image_whose_file_is_closed_is_painted_if_it_was_loaded(photo) -> None:
    frames = [Image.fromarray(photo), Image.fromarray(photo[::-1])]
    with Image.open(
        io.BytesIO(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    ) as image:
        image.load()
    assert from_pil(image).rgb.shape == photo.shape
    with Image.open(io.BytesIO(encoded(frames[0]))) as image:
        pass
    with pytest.raises(InputError, match="damaged"):
        from_pil(image)


def test_the_frame_that_is_painted_is_named(photo, caplog) -> None:
    frames = [Image.fromarray(photo), Image.fromarray(photo[::-1])]
    image = Image.open(
        io.BytesIO(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    )
    image.seek(1)
    assert (from_pil(image).rgb == photo[::-1]).all()
    assert caplog.messages == ["picture: only frame 2 of 2 is painted"]

"""Metadata of a file: applied, carried on, or left out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nst_rt.images import encode_picture, read_picture
from tests.nst_rt.images.encoding import encoded


def test_all_eight_orientations_give_the_same_pixels(photo) -> None:
    upright = Image.fromarray(photo[:40, :64])
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = orientation, "Maker"
        stored = upright
        if orientation in undo:
            stored = upright.transpose(Image.Transpose(undo[orientation]))
        picture = read_picture(encoded(stored, exif=exif))
        assert (picture.rgb == np.asarray(upright)).all(), orientation
        kept = Image.Exif()
        kept.load(picture.metadata.exif)
        assert (kept[0x0112], kept[0x010F]) == (1, "Maker")


XMP_ORIENTATION = (
    b'<rdf:Description tiff:Orientation="6" dc:title="t"/><tiff:Orientation>6</tiff:Orientation>'
)


def test_orientation_in_xmp_turns_the_pixels_and_is_gone(photo) -> None:
    image = Image.fromarray(photo[:40, :64])
    picture = read_picture(encoded(image, "WEBP", lossless=True, xmp=XMP_ORIENTATION))
    assert (picture.rgb == np.rot90(photo[:40, :64], -1)).all()
    assert picture.metadata.xmp == b'<rdf:Description  dc:title="t"/>'


@pytest.mark.parametrize("mode", ["1", "P", "LA", "CMYK", "I;16", "F"])
def test_tags_of_how_a_tiff_lays_out_its_pixels_are_not_carried_on(mode) -> None:
    source = Image.new("L", (9, 7), 1).convert(mode if mode != "I;16" else "I")
    picture = read_picture(encoded(source.convert(mode), "TIFF", description="a caption"))
    painted = Image.open(io.BytesIO(encode_picture(picture, "TIFF")))
    assert (painted.size, len(painted.getbands())) == ((9, 7), 4 if mode == "LA" else 3)
    assert painted.getexif()[0x010E] == "a caption"
    assert picture.metadata.dpi is None


def test_damaged_exif_is_left_out_with_a_warning_that_names_the_file(caplog, tmp_path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Image.new("RGB", (8, 8)), exif=b"Exif\0\0" + b"\xee" * 40))
    assert read_picture(path).metadata.exif is None
    assert [record.message.split("(")[0] for record in caplog.records] == [
        f"{path}: its EXIF data is damaged and left out "
    ]

"""Pictures are written whole or not at all, with the metadata of their source."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import OutputError
from nst_rt.images import (
    Metadata,
    Picture,
    encode_picture,
    format_of,
    from_pil,
    read_picture,
    to_pil,
    write_picture,
)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_png_keeps_pixels_alpha_and_resolution(photo) -> None:
    alpha = photo[..., 0].copy()
    picture = Picture(photo, alpha, metadata=Metadata(dpi=(300.0, 300.0)))
    image = opened(encode_picture(picture))
    assert (np.asarray(image) == np.dstack([photo, alpha])).all()
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_transparency_is_laid_on_the_background_in_a_jpeg(caplog) -> None:
    clear = np.zeros((16, 16), np.uint8)
    picture = Picture(np.zeros((16, 16, 3), np.uint8), clear)
    image = opened(encode_picture(picture, "JPEG", background=(250, 10, 20)))
    assert np.abs(np.asarray(image).astype(int) - (250, 10, 20)).max() <= 3
    assert len(caplog.records) == 1
    assert (np.asarray(opened(encode_picture(picture, "JPEG"))) >= 254).all()


def test_stripping_leaves_out_exif_but_not_the_profile(photo) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    picture = Picture(photo, metadata=Metadata(exif=exif.tobytes(), dpi=(72.0, 72.0)))
    assert opened(encode_picture(picture, "JPEG")).getexif()[0x010F] == "Maker"
    bare = opened(encode_picture(picture, "JPEG", strip_metadata=True))
    assert not bare.getexif()


def test_gray_is_kept_when_asked_for(photo) -> None:
    picture = from_pil(Image.fromarray(photo).convert("L"))
    assert opened(encode_picture(picture)).mode == "RGB"
    assert opened(encode_picture(picture, gray=True)).mode == "L"
    assert opened(encode_picture(Picture(photo), gray=True)).mode == "RGB"


@pytest.mark.parametrize(("mode", "kept"), [("LA", "LA"), ("1", "L"), ("I;16", "L"), ("P", "RGB")])
def test_every_kind_of_gray_is_kept_when_asked_for(mode, kept) -> None:
    ramp = Image.linear_gradient("L")
    source = ramp.convert("I").point(lambda level: level * 257) if mode == "I;16" else ramp
    picture = from_pil(source.convert(mode))
    image = opened(encode_picture(picture, gray=True))
    assert image.mode == kept
    assert (np.asarray(image.convert("RGB")) == picture.rgb).all()
    if mode in ("LA", "I;16"):
        assert (np.asarray(image.convert("L")) == np.asarray(ramp)).all()


def test_format_follows_the_suffix(photo, tmp_path: Path) -> None:
    for suffix, kind in ((".PNG", "PNG"), (".jpeg", "JPEG"), (".webp", "WEBP"), (".tif", "TIFF")):
        path = tmp_path / "deep" / "folder" / f"painting{suffix}"
        write_picture(Picture(photo, format="BMP"), path)
        assert read_picture(path).format == kind
    with pytest.raises(OutputError, match=r"no picture format is known for \.xyz; use \.png"):
        format_of(Path("painting.xyz"))


def test_side_too_long_for_a_format_is_refused(photo) -> None:
    wide = np.zeros((1, 65_501, 3), np.uint8)
    with pytest.raises(OutputError, match=r"more than JPEG can hold.*\.png"):
        encode_picture(Picture(wide), "JPEG")


def test_failed_write_keeps_the_old_file(photo, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "painting.png"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nst_rt.system.atomic.os.fsync", full)
    with pytest.raises(OutputError, match=r"painting\.png: cannot be written \(No space left"):
        write_picture(Picture(photo), path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["painting.png"]


def test_file_in_place_of_a_folder_is_an_output_error(photo, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(OutputError) as caught:
        write_picture(Picture(photo), tmp_path / "taken" / "painting.png")
    assert caught.value.exit_code == 6


def test_pil_image_keeps_alpha_and_profile_name(photo) -> None:
    image = Image.fromarray(np.dstack([photo, photo[..., :1]]))
    assert to_pil(from_pil(image)).tobytes() == image.tobytes()


@pytest.mark.parametrize("bulky", ["exif", "xmp"])
def test_metadata_that_a_format_cannot_hold_is_left_out_with_a_warning(bulky, caplog) -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 70_000
    data = {"exif": exif.tobytes(), "xmp": b"<x>" + b"x" * 70_000 + b"</x>"}
    picture = Picture(np.zeros((8, 8, 3), np.uint8), metadata=Metadata(**{bulky: data[bulky]}))
    assert opened(encode_picture(picture, "JPEG")).size == (8, 8)
    assert caplog.messages == ["picture: JPEG cannot hold its EXIF or XMP data, left out"]
    assert encode_picture(picture, "WEBP").count(b"x" * 70_000) == 1


def test_encoder_that_gives_up_is_an_output_error(photo, monkeypatch) -> None:
    def give_up(self, *arguments, **options):
        raise RuntimeError("no")

    monkeypatch.setattr("PIL.Image.Image.save", give_up)
    with pytest.raises(OutputError, match=r"cannot be written as PNG \(no\)"):
        encode_picture(Picture(photo))


def test_warning_of_lost_transparency_names_the_file(tmp_path: Path, caplog) -> None:
    picture = Picture(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8))
    write_picture(picture, tmp_path / "out.jpg")
    assert caplog.messages == [
        f"{tmp_path / 'out.jpg'}: JPEG has no transparency, laid on a background"
    ]

"""Pictures of every kind are read as upright 8-bit sRGB, or refused in one line."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import InputError, LimitError
from nst_rt.images import encode_picture, from_pil, read_picture


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png16(values: np.ndarray) -> bytes:
    """A 16-bit PNG of H×W gray, ×2, ×3 or ×4 numbers, written by hand: Pillow writes gray only."""
    height, width, channels = np.atleast_3d(values).shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff16(values: np.ndarray, order: str) -> bytes:
    """An uncompressed 16-bit TIFF of H×W×3 numbers, "<" or ">"."""
    height, width, channels = values.shape
    data = values.astype(f"{order}u2").tobytes()
    bits = struct.pack(f"{order}3H", 16, 16, 16)
    tags = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 14), (277, 3, 1, channels), (278, 3, 1, height), (279, 4, 1, len(data)),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (
            struct.pack(f"{order}HH", value, 0)
            if kind == 3 and count == 1
            else struct.pack(f"{order}I", value)
        )
        for tag, kind, count, value in tags
    )
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HI", 42, 14 + len(data)) + bits + data
    return head + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


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


def test_damaged_profile_is_passed_over_with_one_warning(caplog) -> None:
    image = Image.new("RGB", (8, 8), (10, 200, 30))
    picture = read_picture(encoded(image, icc_profile=b"not a profile" * 20))
    assert (picture.rgb == (10, 200, 30)).all()
    assert picture.metadata.icc is None
    assert len(caplog.records) == 1
    assert "colour profile is of no use" in caplog.records[0].message


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_picture_says_so(kind, share, photo, tmp_path: Path) -> None:
    data = encoded(Image.fromarray(photo), kind)
    path = tmp_path / "cut"
    path.write_bytes(data[: int(share * len(data))])
    size = path.stat().st_size
    message = rf"cut: truncated after {size:,} bytes; .*--allow-truncated"
    with pytest.raises(InputError, match=message):
        read_picture(path)
    assert read_picture(path, allow_truncated=True).rgb.shape == photo.shape


def test_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = encoded(Image.new("1", (5000, 5000)))
    assert len(bomb) < 20_000
    with pytest.raises(LimitError, match=r"5000x5000 is 25,000,000 pixels.*--max-pixels"):
        read_picture(bomb, max_pixels=24_000_000)
    huge = bytearray(bomb)
    huge[16:24] = struct.pack(">II", 40_000, 40_000)
    huge[29:33] = struct.pack(">I", zlib.crc32(bytes(huge[12:29])))
    with pytest.raises(LimitError, match="178,000,000"):
        read_picture(bytes(huge))


PEAK = """
import io, sys
from pathlib import Path
from PIL import Image
from nst_rt.errors import LimitError
from nst_rt.images import encode_picture, read_picture

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))

for path in map(Path, sys.argv[1:]):
    small = io.BytesIO()
    Image.new("RGB", (8, 8)).save(small, path.suffix[1:])
    read_picture(small.getvalue())
before = peak()
for path in map(Path, sys.argv[1:]):
    try:
        read_picture(path)
        raise SystemExit("decoded")
    except LimitError:
        pass
print(peak() - before)
"""


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    bombs = {"png": {}, "tiff": {"compression": "group4"}, "webp": {"lossless": True}}
    for kind, options in bombs.items():
        path = tmp_path / f"bomb.{kind}"
        Image.new("1", (14_000, 14_000)).save(path, **options)
        assert path.stat().st_size < 30_000
    paths = [str(path) for path in tmp_path.iterdir()]
    child = subprocess.run(
        [sys.executable, "-c", PEAK, *paths], capture_output=True, text=True, check=True
    )
    assert int(child.stdout) < 50 * 1024  # KiB; one bomb's pixels are 190 MiB at least


@pytest.mark.parametrize("limit", [0, 10**6])
def test_what_memory_cannot_hold_is_refused_before_it_is_decoded(limit, monkeypatch) -> None:
    data = encoded(Image.new("1", (5000, 4000)))
    monkeypatch.setattr("nst_rt.images.limits.free_memory", lambda: 2**28)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    with pytest.raises(LimitError, match=r"reading 5000x4000 takes about 268 MiB .*--max-memory"):
        read_picture(data, max_memory=limit or None)


def test_ghostscript_is_never_started(monkeypatch, tmp_path: Path) -> None:
    path = tmp_path / "drawing.png"
    path.write_bytes(encoded(Image.new("RGB", (8, 8)), "EPS"))
    monkeypatch.setattr(
        "PIL.EpsImagePlugin.Ghostscript", lambda *given, **options: pytest.fail("started")
    )
    with pytest.raises(InputError, match="looks like PostScript"):
        read_picture(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_a_picture_cut_within_its_head_is_to_be_copied_again(kind, photo, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(encoded(Image.fromarray(photo[:24, :24]), kind)[:30])
    with pytest.raises(InputError, match=r"cut: (damaged or )?truncated .*copy the file again"):
        read_picture(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "looks like PostScript"),
        (b"%PDF-1.7\n", "looks like a PDF"),
        (b"<svg xmlns=''/>", "looks like an SVG"),
        (b"hello, world", "not a picture of a known kind"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC is not read"),
    ],
)
def test_what_is_no_picture_is_told_apart(data, message, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_picture(path)


def test_content_decides_not_the_suffix(photo, tmp_path: Path) -> None:
    for name in ("photo.jpg", "photo"):
        (tmp_path / name).write_bytes(encoded(Image.fromarray(photo)))
        picture = read_picture(tmp_path / name)
        assert picture.format == "PNG"
        assert (picture.rgb == photo).all()


def test_absent_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png: no such file"):
        read_picture(tmp_path / "gone.png")
    with pytest.raises(InputError, match="is a folder"):
        read_picture(tmp_path)


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


def test_lazily_loaded_pil_images_are_checked_like_files(photo, caplog, ramp) -> None:
    data = encoded(Image.fromarray(photo))
    with pytest.raises(InputError, match=r"damaged \(.*truncated"):
        from_pil(Image.open(io.BytesIO(data[: len(data) // 2])))
    large = Image.open(io.BytesIO(data))
    with pytest.raises(LimitError, match=r"256x256 is 65,536 pixels, the limit is 65,535"):
        from_pil(large, max_pixels=65_535)
    assert large.tile  # not decoded
    from_pil(Image.open(io.BytesIO(png16(np.stack([ramp] * 3, axis=-1)))))
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


@pytest.mark.parametrize("step", ["ImageFile.ImageFile.load", "PngImagePlugin.PngImageFile._open"])
def test_whatever_a_decoder_trips_on_is_one_line(photo, monkeypatch, step) -> None:
    def trip(*arguments, **options):
        raise ZeroDivisionError("division by zero")

    data = encoded(Image.fromarray(photo))
    monkeypatch.setattr(f"PIL.{step}", trip)
    with pytest.raises(InputError, match="damaged"):
        read_picture(data)


def test_tiff_of_a_kind_that_is_not_read_is_called_so() -> None:
    data = bytearray(encoded(Image.new("L", (4, 4)), "TIFF"))
    tag = data.index(struct.pack("<HHI", 262, 3, 1))
    data[tag + 8] = 99  # no such photometric interpretation
    with pytest.raises(InputError, match="TIFF of a kind that is not read"):
        read_picture(bytes(data))


@pytest.mark.parametrize("head", [b"\0\0\0\x20ftypisom", b"\x1aE\xdf\xa3\x01\0\0\0"])
def test_video_is_sent_to_its_command(head: bytes) -> None:
    with pytest.raises(InputError, match="is a video; nst-rt video paints it"):
        read_picture(head + bytes(100))

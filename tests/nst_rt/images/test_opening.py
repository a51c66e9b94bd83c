"""Files of any content are decoded within limits or refused in one line."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from nst_rt.errors import InputError, LimitError
from nst_rt.images import PictureLimits, read_picture
from tests.nst_rt.images.encoding import black_webp, encoded


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
        read_picture(bomb, PictureLimits(24_000_000))
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
    black = Image.new("1", (14_000, 14_000))
    bombs = {
        "png": encoded(black),
        "tiff": encoded(black, "TIFF", compression="group4"),
        "webp": black_webp(14_000, 14_000),
    }
    for kind, data in bombs.items():
        assert len(data) < 30_000
        (tmp_path / f"bomb.{kind}").write_bytes(data)
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
        read_picture(data, PictureLimits(max_memory=limit or None))


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
def test_files_that_are_no_pictures_are_recognized(data, message, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("step", ["ImageFile.ImageFile.load", "PngImagePlugin.PngImageFile._open"])
def test_whatever_a_decoder_trips_on_is_one_line(photo, monkeypatch, step) -> None:
    def trip(*arguments, **options):
        raise ZeroDivisionError("division by zero")

    data = encoded(Image.fromarray(photo))
    monkeypatch.setattr(f"PIL.{step}", trip)
    with pytest.raises(InputError, match=r"damaged \(division by zero\); copy the file again"):
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

"""`nst-rt stylize` on pictures, files and names that are hard to take."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt.commands.provenance import RECORD
from tests.users import ordinary_user

from .conftest import opened, pixels, records, save


def test_transparency_in_jpeg_lies_on_the_background(nst, folder, style) -> None:
    Image.new("RGBA", (16, 16), (200, 10, 10, 0)).save("clear.png")
    ended = nst("stylize", "clear.png", "-o", "out.jpg", "--background", "#0040ff", *style)
    assert ended.code == 0
    assert len(ended.lines) == 1
    assert ended.lines[0].startswith("nst-rt: warning: ")
    assert "transparency" in ended.err
    assert np.abs(pixels("out.jpg").astype(int) - (0, 64, 255)).max() <= 3
    nst("stylize", "clear.png", "-o", "white.jpg", *style)
    assert pixels("white.jpg").min() >= 252


def test_gray_is_kept_when_asked(nst, folder, style) -> None:
    save("gray.png", "L"), save("color.png")
    assert nst("stylize", "gray.png", "color.png", "-o", "out", "--gray", "keep", *style).code == 0
    assert (opened("out/gray.png").mode, opened("out/color.png").mode) == ("L", "RGB")


def test_metadata_and_quality_as_asked(nst, folder, style) -> None:
    image = opened(save("photo.jpg", size=(64, 64)))
    exif = image.getexif()
    exif[0x010E] = "a caption"
    image.save("photo.jpg", exif=exif)
    nst("stylize", "photo.jpg", "-o", "kept.jpg", *style)
    nst("stylize", "photo.jpg", "-o", "bare.jpg", "--strip-metadata", "--quality", "20", *style)
    kept = opened("kept.jpg").getexif()
    assert kept[0x010E] == "a caption"
    assert kept[0x000B].startswith("nst-rt ")  # by which a painting is known again
    assert not opened("bare.jpg").getexif()
    assert Path("bare.jpg").stat().st_size < Path("kept.jpg").stat().st_size / 2


def test_metadata_that_is_damaged_is_told_once_for_each_file(nst, folder, style) -> None:
    """Pillow reads it several times, and warns of it without a name."""
    exif = Image.Exif()
    exif[0x010F] = "a maker of cameras"
    Path("in").mkdir()
    for name in ("a.jpg", "b.jpg", "c.png"):
        Image.new("RGB", (24, 16)).save(f"in/{name}", exif=exif.tobytes()[:20])
    ended = nst("stylize", "in", "-o", "out", *style)
    said = "its metadata is damaged (Corrupt EXIF data. Expecting to read 12 bytes but only got 4)"
    warnings = [line for line in ended.lines if "warning" in line]
    assert warnings == [
        f"nst-rt: warning: in/{name}: {said}" for name in ("a.jpg", "b.jpg", "c.png")
    ]
    assert (ended.code, len(ended.lines)) == (0, 4)


def test_read_only_is_fine_and_unreadable_is_named(nst, folder, style) -> None:
    save("in/a.png").chmod(0o444), save("in/secret.png").chmod(0)
    Path("thin.onnx").write_bytes(Path(style[1]).read_bytes())
    Path("out").mkdir(mode=0o777)
    Path("out").chmod(0o777), Path("in").chmod(0o555), folder.chmod(0o755)
    with ordinary_user():
        ended = nst("stylize", "in", "-o", "out", "--style", "thin.onnx", "--threads", "1")
    Path("in").chmod(0o755)
    assert ended.code == 3
    assert ended.lines == [
        "nst-rt: in/secret.png: cannot be read (Permission denied)",
        "nst-rt: 1 done, 1 failed",
    ]
    assert Path("out/a.png").exists()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_truncated_picture_is_named_and_the_rest_is_done(nst, folder, style, suffix) -> None:
    save("in/good.png")
    data = save(f"whole{suffix}", size=(96, 96)).read_bytes()
    for percent in (10, 50, 99):
        Path(f"in/cut{percent}{suffix}").write_bytes(data[: len(data) * percent // 100])
    ended = nst("stylize", "in", "-o", "out", *style)
    assert ended.code == 3
    assert [path.name for path in Path("out").glob("[!.]*")] == ["good.png"]
    assert len(ended.lines) == 4
    assert ended.lines[-1] == "nst-rt: 1 done, 3 failed"
    for percent, line in zip((10, 50, 99), ended.lines, strict=False):
        size = len(data) * percent // 100
        assert line.startswith(f"nst-rt: in/cut{percent}{suffix}: truncated after {size:,} bytes; ")
    assert ended.err.count("--allow-truncated") >= 2  # with a whole head
    ended = nst("stylize", f"in/cut50{suffix}", "-o", "out", "--allow-truncated", *style)
    assert (ended.code, pixels(f"out/cut50{suffix}").shape) == (0, (96, 96, 3))


def test_bomb_is_refused_before_it_is_decoded(nst, folder, style, monkeypatch) -> None:
    Image.new("1", (14_000, 14_000)).save("bomb.png")
    assert Path("bomb.png").stat().st_size < 50_000
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    ended = nst("stylize", "bomb.png", *style)
    assert ended.code == 3
    assert "bomb.png: " in ended.err
    assert "178,000,000" in ended.err
    assert "--max-pixels" in ended.err
    save("small.png")
    ended = nst("stylize", "small.png", "--max-pixels", "383", *style)
    assert "24x16 is 384 pixels, the limit is 383" in ended.err


def test_what_takes_too_much_memory_is_refused(nst, folder, style) -> None:
    Image.new("RGB", (200, 200)).save("photo.png")
    ended = nst("stylize", "photo.png", "--max-memory", "1", *style)
    assert ended.code == 3
    assert "MiB of memory, 1 are allowed" in ended.err
    need = re.search(r"takes about (\d+) MiB", ended.err)[1]
    for memory, code in ((int(need) - 1, 3), (need, 0)):  # what is said is enough, and no less
        ended = nst("stylize", "photo.png", "-o", "x.png", "--max-memory", str(memory), *style)
        assert ended.code == code
    assert nst("stylize", "photo.png", "--max-memory", "1", "--size", "32", *style).code == 0


def test_what_a_format_cannot_hold_is_refused_before_it_is_painted(
    nst, folder, style, monkeypatch
) -> None:
    Image.new("RGB", (16_384, 1)).save("long.png")
    monkeypatch.setattr("nst_rt.stylizer.Stylizer.paint", lambda *given: pytest.fail("painted"))
    ended = nst("stylize", "long.png", "-o", "out.webp", *style)
    assert (ended.code, ended.lines) == (
        6,
        [
            "nst-rt: long.png: 16384x1 is more than WEBP can hold (16,383 a side); "
            "write a .png or .tif"
        ],
    )


def test_large_photo_within_the_limit_brings_no_warning(nst, folder, style, monkeypatch) -> None:
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 200)
    save("photo.png")
    assert nst("stylize", "photo.png", *style).lines == []


def test_content_decides_and_not_the_suffix(nst, folder, style) -> None:
    save("photo.png").rename("really-png.jpg")
    save("none")
    ended = nst("stylize", "really-png.jpg", "none", "-o", "out", *style)
    assert (ended.code, ended.lines) == (0, ["nst-rt: 2 done"])
    assert opened("out/really-png.jpg").format == "JPEG"
    assert opened("out/none.png").format == "PNG"


def test_files_that_are_no_pictures_are_named_and_the_rest_is_done(nst, folder, style) -> None:
    contents = {
        "zero.png": b"", "a.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "b.jpg": b"%PDF-1.7\n", "c.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "d.txt": b"hello",
    }  # fmt: skip
    for name, content in contents.items():
        Path(name).write_bytes(content)
    save("good.png")
    ended = nst("stylize", *contents, "good.png", "missing.png", "-o", "out", "--json", *style)
    assert ended.code == 3
    *results, summary = records(ended.out)
    failed = {one["input"]: one["code"] for one in results if "error" in one}
    assert failed == dict.fromkeys([*contents, "missing.png"], 3)
    assert (summary["done"], summary["failed"]) == (1, 6)
    assert [name for name in contents if f"nst-rt: {name}: " not in ended.err] == []
    for kind in ("PostScript", "a PDF document", "an SVG drawing", "is empty"):
        assert kind in ended.err


NAMES = [
    "with space.png", "new\nline.png", "-dash.png", "x" * 251 + ".png", "caf\u00e9.png",
    "cafe\u0301.png", "\udcff\udcfe.png", "tab\there.png", "\U0001f3a8.png", "--help.png",
]  # fmt: skip


def test_no_file_name_is_too_odd(nst, folder, style) -> None:
    for name in NAMES:
        save(folder / "in" / name)
    ended = nst("stylize", "in", "-o", "out", *style)
    assert (ended.code, ended.lines) == (0, [f"nst-rt: {len(NAMES)} done"])
    assert {path.name for path in Path("out").iterdir()} == {*NAMES, RECORD}
    assert nst("stylize", "in", "-o", "out", "--skip-existing", *style).code == 0
    assert ended.out.count(b"\n") == len(NAMES)
    assert b"out/new\\nline.png\n" in ended.out
    assert b"out/\\udcff\\udcfe.png\n" in ended.out
    ended = nst("stylize", "in", *style)
    assert (ended.code, ended.lines) == (0, [f"nst-rt: {len(NAMES)} done"])
    ended = nst("stylize", "in", "--skip-existing", *style)
    said = f"{len(NAMES)} skipped, {len(NAMES)} earlier paintings left out"
    assert (ended.code, ended.lines) == (0, [f"nst-rt: {said}"])


def test_names_with_a_dash_can_be_given(nst, folder, style, monkeypatch) -> None:
    save("-dash.png")
    assert nst("stylize", *style, "--", "-dash.png").out == b"-dash-thin.png\n"
    assert nst("stylize", *style, "./-dash.png", "-o", "./-out.png").code == 0
    assert Path("-out.png").exists()


def test_named_pipe_is_not_waited_for(nst, folder, style) -> None:
    os.mkfifo("pipe.png")
    ended = nst("stylize", "pipe.png", *style)
    assert (ended.code, ended.lines) == (
        3,
        ["nst-rt: pipe.png: is neither a file nor a folder; pipe it in, and give -"],
    )

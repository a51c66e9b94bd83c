"""`nst-rt stylize` on pictures: what is painted, what is refused, what is told."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nst_rt.commands import stylize
from nst_rt.stylizer import Stylizer

from .conftest import save


def records(out: bytes) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def opened(path: Path | str) -> Image.Image:
    return Image.open(io.BytesIO(Path(path).read_bytes()))


def pixels(path: Path | str) -> np.ndarray:
    return np.asarray(opened(path).convert("RGB"))


def test_photo_becomes_the_painting_that_the_library_makes(nst, folder, style) -> None:
    photo = save("photo.png")
    ended = nst("stylize", "photo.png", *style)
    assert (ended.code, ended.out, ended.err) == (0, b"photo-thin.png\n", "")
    with Stylizer(style[1], threads=1) as stylizer:
        assert np.array_equal(pixels("photo-thin.png"), stylizer(pixels(photo)))


def test_options_reach_the_painting(nst, folder, style) -> None:
    photo = save("photo.png")
    assert nst("stylize", photo, "-o", "none.png", "--strength", "0", *style).code == 0
    assert np.array_equal(pixels("none.png"), pixels(photo))
    for name, *options in (["small", "--size", "12"], ["color", "--keep-color"], ["plain"]):
        assert nst("stylize", photo, "-o", f"{name}.png", *options, *style).code == 0
    plain, color, small = (pixels(f"{name}.png") for name in ("plain", "color", "small"))
    assert not np.array_equal(plain, color)
    assert not np.array_equal(plain, small)
    assert small.shape == plain.shape


def test_tree_is_mirrored_and_each_result_is_told(nst, folder, style) -> None:
    save("in/a.png"), save("in/sub/b.jpg"), (folder / "in/notes.txt").touch()
    ended = nst("stylize", "in", "-o", "out", "--json", "--report", "r.jsonl", *style)
    *results, summary = records(ended.out)
    assert [one["output"] for one in results] == ["out/a.png", "out/sub/b.jpg"]
    assert all((one["width"], one["height"]) == (24, 16) for one in results)
    assert all(one["seconds"] > 0 for one in results)
    assert (summary["done"], summary["failed"], summary["left"]) == (2, 0, 0)
    assert Path("r.jsonl").read_bytes() == ended.out
    assert ended.lines == ["nst-rt: 2 done"]
    assert {str(path) for path in Path("out").rglob("*.*")} == {"out/a.png", "out/sub/b.jpg"}


def test_quiet_says_nothing_and_verbose_says_what_is_in_use(nst, folder, style) -> None:
    save("a.png"), save("b.png")
    ended = nst("stylize", "a.png", "b.png", "-o", "quiet", "-q", *style)
    assert (ended.code, ended.out, ended.err) == (0, b"", "")
    ended = nst("stylize", "a.png", "-o", "loud.png", "-v", *style)
    assert "threads" in ended.err


def test_standard_streams_give_the_bytes_of_the_file(nst, folder, style) -> None:
    photo = save("photo.png")
    assert nst("stylize", photo, "-o", "out.png", *style).code == 0
    for arguments in (["-", "-o", "-"], ["-"]):
        ended = nst("stylize", *arguments, *style, stdin=photo.read_bytes())
        assert (ended.code, ended.out, ended.err) == (0, Path("out.png").read_bytes(), "")
    ended = nst("stylize", "-", "-o", "in.jpg", *style, stdin=photo.read_bytes())
    assert (ended.out, opened("in.jpg").format) == (b"in.jpg\n", "JPEG")
    ended = nst("stylize", "-", *style, stdin=b"")
    assert ended.code == 3
    assert ended.lines == ["nst-rt: standard input: is empty"]


def test_picture_and_json_do_not_share_standard_output(nst, folder, style) -> None:
    save("photo.png")
    ended = nst("stylize", "photo.png", "-o", "-", "--json", *style)
    assert (ended.code, ended.out) == (2, b"")


def test_a09_transparency_in_jpeg_lies_on_the_background(nst, folder, style) -> None:
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
    assert opened("kept.jpg").getexif()[0x010E] == "a caption"
    assert not opened("bare.jpg").getexif()
    assert Path("bare.jpg").stat().st_size < Path("kept.jpg").stat().st_size / 2


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may read anything: be somebody else for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a25_read_only_is_fine_and_unreadable_is_named(nst, folder, style) -> None:
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
def test_a13_truncated_picture_is_named_and_the_rest_is_done(nst, folder, style, suffix) -> None:
    save("in/good.png")
    data = save(f"whole{suffix}", size=(96, 96)).read_bytes()
    for percent in (10, 50, 99):
        Path(f"in/cut{percent}{suffix}").write_bytes(data[: len(data) * percent // 100])
    ended = nst("stylize", "in", "-o", "out", *style)
    assert ended.code == 3
    assert [path.name for path in Path("out").iterdir()] == ["good.png"]
    assert len(ended.lines) == 4
    assert ended.lines[-1] == "nst-rt: 1 done, 3 failed"
    assert "in/cut50" in ended.err
    assert ended.err.count("--allow-truncated") >= 2
    ended = nst("stylize", f"in/cut50{suffix}", "-o", "out", "--allow-truncated", *style)
    assert (ended.code, pixels(f"out/cut50{suffix}").shape) == (0, (96, 96, 3))


def test_a14_bomb_is_refused_before_it_is_decoded(nst, folder, style, monkeypatch) -> None:
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


def test_a18_content_decides_and_not_the_suffix(nst, folder, style) -> None:
    save("photo.png").rename("really-png.jpg")
    save("none")
    ended = nst("stylize", "really-png.jpg", "none", "-o", "out", *style)
    assert (ended.code, ended.lines) == (0, ["nst-rt: 2 done"])
    assert opened("out/really-png.jpg").format == "JPEG"
    assert opened("out/none.png").format == "PNG"


def test_a19_files_that_are_no_pictures_are_named_and_the_rest_is_done(nst, folder, style) -> None:
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


def test_a26_existing_outputs_are_not_replaced_unasked(nst, folder, style) -> None:
    save("a.png"), save("b.png")
    Path("out").mkdir()
    Path("out/a.png").write_bytes(b"precious")
    ended = nst("stylize", "a.png", "-o", "out", *style)
    assert ended.code == 2
    assert "out/a.png: exists already; add --overwrite or --skip-existing" in ended.err
    assert nst("stylize", "a.png", "b.png", "-o", "out", *style).code == 3
    assert Path("out/b.png").exists()
    ended = nst("stylize", "a.png", "b.png", "-o", "out", "--skip-existing", *style)
    assert (ended.code, ended.lines) == (0, ["nst-rt: 2 skipped"])
    assert Path("out/a.png").read_bytes() == b"precious"
    ended = nst("stylize", "a.png", "b.png", "-o", "out", "--skip-existing", "--json")
    assert [one.get("skipped") for one in records(ended.out)] == [True, True, 2]
    assert nst("stylize", "a.png", "b.png", "-o", "out", "--overwrite", *style).code == 0
    assert pixels("out/a.png").shape == (16, 24, 3)


NAMES = [
    "with space.png", "new\nline.png", "-dash.png", "x" * 251 + ".png", "caf\u00e9.png",
    "cafe\u0301.png", "\udcff\udcfe.png", "tab\there.png", "\U0001f3a8.png", "--help.png",
]  # fmt: skip


def test_a27_no_file_name_is_too_odd(nst, folder, style) -> None:
    for name in NAMES:
        save(folder / "in" / name)
    ended = nst("stylize", "in", "-o", "out", *style)
    assert (ended.code, ended.lines) == (0, [f"nst-rt: {len(NAMES)} done"])
    assert {path.name for path in Path("out").iterdir()} == set(NAMES)
    assert ended.out.count(b"\n") == len(NAMES)
    assert b"out/new\\nline.png\n" in ended.out
    assert b"out/\\udcff\\udcfe.png\n" in ended.out
    ended = nst("stylize", "in", *style)
    assert (ended.code, ended.lines) == (0, [f"nst-rt: {len(NAMES)} done"])
    ended = nst("stylize", "in", "--skip-existing", *style)
    assert (ended.code, ended.lines) == (0, [f"nst-rt: {len(NAMES)} skipped"])


def test_a27_names_with_a_dash_can_be_given(nst, folder, style, monkeypatch) -> None:
    save("-dash.png")
    assert nst("stylize", *style, "--", "-dash.png").out == b"-dash-thin.png\n"
    assert nst("stylize", *style, "./-dash.png", "-o", "./-out.png").code == 0
    assert Path("-out.png").exists()


def test_a28_missing_folders_are_made_and_a_file_in_their_place_is_exit_6(
    nst, folder, style
) -> None:
    save("a.png")
    assert nst("stylize", "a.png", "-o", "new/deep/", *style).code == 0
    assert Path("new/deep/a.png").exists()
    for out in ("a.png/", "a.png/x/y.png"):
        ended = nst("stylize", "a.png", "-o", out, *style)
        assert ended.code == 6
        assert "a.png: is a file where a folder is needed" in ended.err.replace("a.png/:", "a.png:")


def test_a31_photo_is_replaced_only_in_place(nst, folder, style) -> None:
    photo = save("a.png")
    before = photo.read_bytes()
    Path("hard.png").hardlink_to(photo)
    Path("soft.png").symlink_to(photo)
    for out in ("a.png", "hard.png", "soft.png"):
        ended = nst("stylize", "a.png", "-o", out, "--overwrite", *style)
        assert ended.code == 2
        assert "--in-place" in ended.err
    assert photo.read_bytes() == before
    assert nst("stylize", "soft.png", "--in-place", *style).code == 0
    assert Path("soft.png").is_symlink()
    assert photo.read_bytes() != before
    assert Path("hard.png").read_bytes() == before


def test_a33_one_bad_file_among_many_does_not_stop_the_rest(
    nst, folder, style, monkeypatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    data = save("seed.png", size=(3, 2)).read_bytes()
    for index in range(300):
        path = Path(f"in/{index % 7}/{index:03}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    Path("in/3/017.png").write_bytes(b"bad")
    Path("in/Thumbs.db").touch(), Path("in/3/.DS_Store").touch()
    ended = nst("stylize", "in", "-o", "out", "--report", "r.jsonl", *style)
    assert ended.code == 3
    assert len(ended.lines) == 2
    assert ended.lines[0].startswith("nst-rt: in/3/017.png: not a picture")
    assert ended.lines[1] == "nst-rt: 299 done, 1 failed"
    assert len(list(Path("out").rglob("*.png"))) == 299
    failed = [one for one in records(Path("r.jsonl").read_bytes()) if "error" in one]
    assert [one["input"] for one in failed] == ["in/3/017.png"]


def test_a34_two_inputs_for_one_output_are_refused_before_any_work(nst, folder, style) -> None:
    save("a.png"), save("a.pgm", "L")
    ended = nst("stylize", "a.png", "a.pgm", "-o", "out", *style)
    assert ended.code == 2
    assert "--keep-ext" in ended.err
    assert not Path("out").exists()
    assert nst("stylize", "a.png", "a.pgm", "-o", "out", "--keep-ext", *style).code == 0
    assert Path("out/a.pgm.png").exists()


def test_report_does_not_replace_a_picture(nst, folder, style) -> None:
    photo = save("a.png")
    before = photo.read_bytes()
    assert nst("stylize", "a.png", "--report", "a.png", *style).code == 2
    assert photo.read_bytes() == before
    assert nst("stylize", "a.png", "--report", "no/where.jsonl", *style).code == 6


def test_named_pipe_is_not_waited_for(nst, folder, style) -> None:
    os.mkfifo("pipe.png")
    ended = nst("stylize", "pipe.png", *style)
    assert (ended.code, ended.lines) == (
        3,
        ["nst-rt: pipe.png: is neither a file nor a folder"],
    )


def test_terminal_gets_no_picture(nst, folder, style, monkeypatch) -> None:
    save("a.png")
    monkeypatch.setattr(stylize.Results, "is_terminal", True)
    ended = nst("stylize", "a.png", "-o", "-", *style)
    assert ended.code == 2
    assert "standard output is a terminal" in ended.err


def test_terminal_as_standard_input_is_not_waited_for(nst, folder, style, monkeypatch) -> None:
    monkeypatch.setattr("nst_rt.commands.painting.sys", SimpleNamespace(stdin=Terminal()))
    ended = nst("stylize", "-", "-o", "x.png", *style)
    assert ended.code == 2
    assert "standard input is a terminal" in ended.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

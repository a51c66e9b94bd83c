"""`nst-rt stylize`: what it paints, where that goes, and what it reports."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nst_rt import zoo
from nst_rt.commands import stylize
from nst_rt.commands.provenance import RECORD
from nst_rt.stylizer import Stylizer

from .conftest import opened, pixels, records, save


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


def test_tree_is_mirrored_and_each_result_is_reported(nst, folder, style) -> None:
    save("in/a.png"), save("in/sub/b.jpg"), (folder / "in/notes.txt").touch()
    ended = nst("stylize", "in", "-o", "out", "--json", "--report", "r.jsonl", *style)
    *results, summary = records(ended.out)
    assert [one["output"] for one in results] == ["out/a.png", "out/sub/b.jpg"]
    assert all((one["width"], one["height"]) == (24, 16) for one in results)
    assert all(one["seconds"] > 0 for one in results)
    assert (summary["done"], summary["failed"], summary["left"]) == (2, 0, 0)
    assert Path("r.jsonl").read_bytes() == ended.out
    assert ended.lines == ["nst-rt: 2 done"]
    assert {str(path) for path in Path("out").rglob("*.*")} == {
        "out/a.png", "out/sub/b.jpg", f"out/{RECORD}", f"out/sub/{RECORD}",
    }  # fmt: skip


def test_size_that_was_painted_at_is_reported(nst, folder, style) -> None:
    save("a.png")
    small = ("stylize", "a.png", "--size", "12", "--overwrite", *style)
    result, _ = records(nst(*small, "--json").out)
    assert (result["width"], result["height"]) == (24, 16)
    assert (result["working_width"], result["working_height"]) == (12, 8)
    assert "nst-rt: a.png: 24x16, painted at 12x8" in nst(*small, "-v").lines
    assert "painted at" not in nst(*small).err


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


def test_existing_outputs_are_not_replaced_unasked(nst, folder, style) -> None:
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
    ended = nst("stylize", "a.png", "b.png", "-o", "out", "--skip-existing", "--json", *style)
    assert [one.get("skipped") for one in records(ended.out)] == [True, True, 2]
    assert nst("stylize", "a.png", "b.png", "-o", "out", "--overwrite", *style).code == 0
    assert pixels("out/a.png").shape == (16, 24, 3)


@pytest.mark.parametrize("change", ["photo", "style", "options", "nothing", "copied"])
def test_paintings_made_otherwise_are_not_skipped(nst, folder, style, change) -> None:
    photo = save("in/a.png")
    assert nst("stylize", "in", "-o", "out", *style).code == 0
    before = Path("out/a.png").read_bytes()
    again = ["stylize", "in", "-o", "out", "--skip-existing", *style]
    if change == "photo":
        save("in/a.png", size=(25, 16))
    elif change == "copied":
        os.utime(photo, ns=(1, 1))
    elif change == "style":
        again = ["stylize", "in", "-o", "out", "--skip-existing"]
    elif change == "options":
        again += ["--strength", "0.5"]
    ended = nst(*again)
    if change in ("nothing", "copied"):
        assert (ended.code, ended.lines) == (0, ["nst-rt: 1 skipped"])
    else:
        assert ended.code == 2
        assert "out/a.png: exists already, from another photo, in another style or" in ended.err
        assert "--overwrite" in ended.err
    assert Path("out/a.png").read_bytes() == before
    assert nst(*again[:4], "--overwrite", *again[5:]).code == 0
    assert nst(*again).lines == ["nst-rt: 1 skipped"]


def test_hidden_file_is_written_beside_photos_only_when_paintings_are_to_be_skipped(
    nst, folder, style
) -> None:
    save("a.png")
    assert nst("stylize", "a.png", *style).code == 0
    assert not Path(RECORD).exists()
    assert nst("stylize", "a.png", "-o", "b.png", *style).code == 0
    assert not Path(RECORD).exists()
    assert nst("stylize", "a.png", "-o", "c.png", "--skip-existing", *style).code == 0
    assert Path(RECORD).exists()


def test_missing_folders_are_made_and_a_file_in_their_place_is_exit_6(nst, folder, style) -> None:
    save("a.png")
    assert nst("stylize", "a.png", "-o", "new/deep/", *style).code == 0
    assert Path("new/deep/a.png").exists()
    for out in ("a.png/", "a.png/x/y.png"):
        ended = nst("stylize", "a.png", "-o", out, *style)
        assert ended.code == 6
        assert "a.png: is a file where a folder is needed" in ended.err.replace("a.png/:", "a.png:")


def test_photo_is_replaced_only_in_place(nst, folder, style) -> None:
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


def test_one_bad_file_among_many_does_not_stop_the_rest(nst, folder, style, monkeypatch) -> None:
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


def test_two_inputs_for_one_output_are_refused_before_any_work(nst, folder, style) -> None:
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
    assert nst("stylize", "a.png", "--report", "-", *style).code == 2
    assert not Path("-").exists()


def test_earlier_paintings_beside_their_photos_are_left_out_and_counted(nst, folder, style) -> None:
    save("in/a.png"), save("in/b.png"), save("in/b-2.png"), save("in/lonely-thin.png")
    shipped = zoo.cards()[0].name
    save(f"in/a-{shipped}.png")
    assert nst("stylize", "in/b.png", *style).out == b"in/b-thin.png\n"
    for out in ("out", None):
        ended = nst("stylize", "in", "--json", *(["-o", out] if out else []), *style)
        *results, summary = records(ended.out)
        assert [Path(one["input"]).name for one in results if "error" not in one] == [
            "a.png", "b-2.png", *(["b.png"] if out else []), "lonely-thin.png",
        ]  # fmt: skip
        assert summary["left_out"] == 2
        assert ended.lines[-1].endswith(", 2 earlier paintings left out")
    assert nst("stylize", f"in/a-{shipped}.png", "-o", "named/", *style).code == 0


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif"])
def test_earlier_paintings_in_a_style_of_ones_own_are_left_out(nst, folder, style, suffix) -> None:
    Path("own-one.onnx").write_bytes(Path(style[1]).read_bytes())
    save(f"in/a.{suffix}"), save(f"in/a-edited.{suffix}"), save(f"in/b.{suffix}")
    assert nst("stylize", f"in/a.{suffix}", "--style", "own-one.onnx").code == 0
    assert Path(f"in/a-own-one.{suffix}").exists()
    *results, summary = records(nst("stylize", "in", "-o", "out", "--json", *style).out)
    named = [Path(one["input"]).name for one in results]
    assert named == [f"a-edited.{suffix}", f"a.{suffix}", f"b.{suffix}"]
    assert summary["left_out"] == 1
    Path(f"in/a.{suffix}").unlink()  # nothing is left of which it could be an earlier painting
    *results, _ = records(nst("stylize", "in", "-o", "again", "--json", *style).out)
    assert f"in/a-own-one.{suffix}" in [one["input"] for one in results]


def test_what_looks_like_a_painting_and_cannot_be_read_is_an_input(nst, folder, style) -> None:
    save("in/a.png")
    Path("in/a-1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.mkfifo("in/pipe.png"), Path("in/a-2.png").symlink_to("pipe.png")
    ended = nst("stylize", "in", "-o", "out", *style)
    assert ended.code == 3
    assert [line.split(": ")[1] for line in ended.lines[:2]] == ["in/a-1.png", "in/a-2.png"]


@pytest.mark.parametrize("out", ["y", "y.xyz", "y.png", "y/"])
def test_absent_input_is_told_before_the_output(nst, folder, style, out) -> None:
    ended = nst("stylize", "nofolder", "-o", out, *style)
    assert (ended.code, ended.lines) == (3, ["nst-rt: nofolder: no such file or folder"])


def test_terminal_gets_no_picture(nst, folder, style, monkeypatch) -> None:
    save("a.png")
    monkeypatch.setattr(stylize.Results, "is_terminal", True)
    ended = nst("stylize", "a.png", "-o", "-", *style)
    assert ended.code == 2
    assert "standard output is a terminal" in ended.err


def test_picture_for_a_closed_standard_output_is_not_lost_in_silence(
    nst, folder, style, monkeypatch
) -> None:
    save("a.png")
    monkeypatch.setattr(stylize.Results, "is_closed", True)
    ended = nst("stylize", "a.png", "-o", "-", *style)
    assert ended.code == 2
    assert "standard output is closed" in ended.err


def test_terminal_as_standard_input_is_not_waited_for(nst, folder, style, monkeypatch) -> None:
    monkeypatch.setattr("nst_rt.commands.stylize_run.sys", SimpleNamespace(stdin=Terminal()))
    ended = nst("stylize", "-", "-o", "x.png", *style)
    assert ended.code == 2
    assert "standard input is a terminal" in ended.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

"""`nst-rt video`: one line a failure, one result on standard output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nst_rt import Stylizer
from nst_rt.sessions.threads import allowed_threads
from tests.nst_rt.video.clips import make_clip, noisy
from tests.nst_rt.video.contents import packets, shown

from .conftest import finish, names, records, start


def test_result_is_the_name_on_standard_output(nst, clip, style) -> None:
    ended = nst("video", clip, "out.mp4", *style)
    assert (ended.code, ended.out) == (0, b"out.mp4\n")
    assert len(shown(Path("out.mp4"))) == 100
    assert packets(Path("out.mp4"), "audio") == packets(clip, "audio")
    assert "100 frames of 64x48 (libx264), 100 painted in " in ended.lines[-1]


def test_frames_are_what_the_style_makes_of_them(nst, folder, style, model_path) -> None:
    clip = make_clip(
        folder / "in.mkv", [0, 40, 80], codec="ffv1", pixel_format="bgra", picture=noisy
    )
    options = ("--codec", "ffv1", "--pixel-format", "bgr0", "--size", "full")
    assert nst("video", clip, "out.mkv", *style, *options).code == 0
    with Stylizer(model_path, threads=1, size="full") as paint:
        for before, after in zip(shown(clip), shown(Path("out.mkv")), strict=True):
            assert np.abs(after.rgb.astype(int) - paint(before.rgb)).max() <= 1


def test_json_has_progress_and_one_result(nst, clip, style) -> None:
    ended = nst("video", clip, "out.mp4", "--json", "--profile", *style)
    *progress, result = records(ended.out)
    assert (result["output"], result["frames"], result["painted"]) == ("out.mp4", 100, 100)
    assert (result["width"], result["height"], result["damaged_packets"]) == (64, 48, 0)
    assert [stage["name"] for stage in result["profile"]] == [
        "source", "to rgb", "paint", "to yuv", "encode",
    ]  # fmt: skip
    assert {stage["items"] for stage in result["profile"]} == {100}
    assert all(line["of"] == 100 for line in progress)


def test_profile_is_a_line_a_stage(nst, clip, style) -> None:
    ended = nst("video", clip, "out.mp4", "--profile", *style)
    assert [line.split(":")[1].strip() for line in ended.lines if " at work on " in line] == [
        "source", "to rgb", "paint", "to yuv", "encode",
    ]  # fmt: skip


def test_several_styles_are_a_file_each_or_side_by_side(nst, clip, model_path) -> None:
    other = model_path.parent / "other.onnx"
    if not other.exists():
        other.write_bytes(model_path.read_bytes())
    styles = ("--style", str(model_path), "--style", str(other), "--threads", "1")
    assert nst("video", clip, "{style}.mp4", "--duration", "0.2", *styles).code == 0
    assert [len(shown(Path(f"{name}.mp4"))) for name in ("thin", "other")] == [5, 5]
    beside = ("--side-by-side", "--duration", "0.2", *styles)
    assert nst("video", clip, "both.mp4", *beside).code == 0
    assert shown(Path("both.mp4"))[0].frame.width == 128
    ended = nst("video", clip, "one.mp4", *styles)
    assert (ended.code, ended.lines) == (
        2,
        [
            "nst-rt: 2 styles cannot become one file; put {style} into the output's name, or add "
            "--side-by-side"
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("absent.mp4", "o.mp4"), 3, "absent.mp4: cannot be read (No such file or directory)"),
        (("in.mp4", "in.mp4", "--overwrite"), 2, "in.mp4: is the video itself; choose another"),
        (("in.mp4", "o.avi"), 2, "o.avi: .avi does not keep the times of frames; choose .mp4, "),
        (("in.mp4", "o.mp4", "--codec", "none"), 5, "there is no encoder none here; choose libx2"),
        (("in.mp4", "o.webm", "--codec", "libx264"), 2, "o.webm: webm does not support libx264"),
        (("in.mp4", "o.mp4", "--stream", "9"), 2, "in.mp4: has no video stream 9; there are: 0"),
        (("in.mp4", "o.mp4", "--start", "99"), 3, "in.mp4: has no frame in that section"),
        (("http://127.0.0.1:9/a.mp4", "o.mp4"), 3, "http://127.0.0.1:9/a.mp4: is an address on "),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_output(
    nst, clip, style, arguments, code, line
) -> None:
    ended = nst("video", *arguments, *style)
    assert (ended.code, ended.out) == (code, b"")
    assert len(ended.lines) == 1
    assert ended.lines[0].startswith(f"nst-rt: {line}")
    assert names(Path()) == ["in.mp4"]


def test_playlist_is_exit_3(nst, folder, style) -> None:
    Path("in.mp4").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    ended = nst("video", "in.mp4", "out.mp4", *style)
    assert ended.code == 3
    assert "is an HLS playlist, a list of other files or addresses" in ended.lines[0]


def test_damage_is_a_warning_and_exit_3_where_it_is_strict(nst, folder, style) -> None:
    whole = make_clip(folder / "in.mp4", range(0, 4000, 40), picture=noisy)
    data = bytearray(whole.read_bytes())
    chance = np.random.default_rng(3)
    for place in chance.integers(len(data) // 3, 2 * len(data) // 3, 400):
        data[place] ^= 1 << chance.integers(8)
    whole.write_bytes(data)
    ended = nst("video", "in.mp4", "out.mp4", *style)
    assert ended.code == 0
    assert any(line.endswith(" packets are damaged") for line in ended.lines)
    strict = nst("video", "in.mp4", "strict.mp4", "--strict", *style)
    assert strict.code == 3
    assert names(folder) == ["in.mp4", "out.mp4", "strict.mp4"]


@pytest.mark.parametrize("asked", [(), ("--threads", "1"), ("--threads", "64")])
def test_engines_take_no_more_threads_than_are_allowed(
    nst, clip, model_path, monkeypatch, asked
) -> None:
    from nst_rt.sessions.onnxruntime import OnnxRuntimeSession
    from nst_rt.sessions.openvino import OpenVinoSession

    taken = []
    for kind in (OpenVinoSession, OnnxRuntimeSession):
        make = kind.__init__

        def watched(self, model, *, make=make, **options) -> None:
            make(self, model, **options)
            taken.append((self.threads, options.get("parallel", 1)))

        monkeypatch.setattr(kind, "__init__", watched)
    style = ("--style", str(model_path), *asked)
    assert nst("video", clip, "out.mp4", "--duration", "0.2", *style).code == 0
    allowed = 1 if asked == ("--threads", "1") else allowed_threads()
    assert len(taken) == 1
    assert taken[0][0] * 1 <= allowed
    assert taken[0][1] <= allowed


def test_only_the_reader_of_standard_output_sees_results(clip, style) -> None:
    ended = finish(start("-q", "video", "in.mp4", "out.mp4", *style))
    assert (ended.code, ended.out, ended.err) == (0, b"", "")


def test_name_with_odd_characters_is_written_and_shown_escaped(nst, clip, style) -> None:
    ended = nst("video", clip, "ö ü\n:?.mp4", "--duration", "0.2", *style)
    assert ended.code == 0
    assert ended.out.decode("utf-8", "replace").count("\n") == 1
    assert len(shown(Path("ö ü\n:?.mp4"))) == 5

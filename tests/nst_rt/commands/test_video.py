"""`nst-rt video`: one line a failure, one result on standard output, nothing lost by stopping."""

from __future__ import annotations

import hashlib
import resource
import signal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nst_rt import Stylizer
from nst_rt.sessions.threads import allowed_threads
from tests.nst_rt.video.clips import Sound, make_clip, noisy
from tests.nst_rt.video.contents import packets, shown

from .conftest import RUN, Ended, finish, records, start

PACED = f"""
import sys, time
from nst_rt.video.painters import StylePainter
paint = StylePainter.paint
def slow(self, frame):
    sys.__stderr__.write(f"at {{float(frame.time):.2f}}\\n")
    sys.__stderr__.flush()
    time.sleep(0.01)
    return paint(self, frame)
StylePainter.paint = slow
{RUN}
"""
"""A slow engine that says which frame it has in hand."""
SECOND = 25
"""Frames of the clips' seconds."""


@pytest.fixture
def clip(folder) -> Path:
    """Four seconds of numbered frames with sound."""
    sound = Sound(seconds=Fraction(4096, 1000))
    return make_clip(folder / "in.mp4", range(0, 4000, 40), sounds=[sound])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def decoded_md5(path: Path) -> list[str]:
    """What a decoder makes of each frame, and when it is shown."""
    return [
        f"{frame.time} {hashlib.md5(frame.frame.to_ndarray().tobytes()).hexdigest()}"
        for frame in shown(path)
    ]


def without_pace(ended: Ended) -> list[str]:
    return [line for line in ended.lines if not line.startswith("at ")]


def started_to_second(number: int, *arguments: str | Path):
    """A slow conversion that has begun this second of the clip."""
    process = start("video", *arguments, code=PACED, bufsize=0)
    for line in iter(process.stderr.readline, b""):
        if line.startswith(b"at ") and float(line[3:]) >= number:
            return process
    raise AssertionError("it ended before")


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
        (("in.mp4", "o.avi"), 2, "o.avi: .avi does not keep when frames are shown; choose .mp4, "),
        (("in.mp4", "o.mp4", "--codec", "none"), 5, "there is no encoder none here; choose libx2"),
        (("in.mp4", "o.webm", "--codec", "libx264"), 2, "o.webm: webm does not hold libx264; wri"),
        (("in.mp4", "o.mp4", "--stream", "9"), 2, "in.mp4: has no video stream 9; there are: 0"),
        (("in.mp4", "o.mp4", "--start", "99"), 3, "in.mp4: has no frame in that stretch"),
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


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGINT, 130, "SIGINT"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_stopped_conversion_keeps_its_frames_and_says_how_to_go_on(
    nst, clip, style, number, code, name
) -> None:
    arguments = ("in.mp4", "out.mp4", "--part-seconds", "60", *style)
    process = started_to_second(2, *arguments)
    process.send_signal(number)
    ended = finish(process)
    command = " ".join(["nst-rt video", *arguments, "--resume"])
    assert (ended.code, without_pace(ended)) == (
        code,
        [f"nst-rt: go on with: {command}", f"nst-rt: stopped by {name}"],
    )
    assert not Path("out.mp4").exists()
    (part,) = Path(".out.mp4.nst-rt-job").glob("*.mp4")
    assert 2 * SECOND <= len(shown(part)) < 3 * SECOND  # what was in hand was finished
    ended = nst("video", *arguments, "--resume")
    assert ended.code == 0
    assert f"100 frames of 64x48 (libx264), {100 - len_of_first(ended)} painted" in ended.lines[-1]
    assert nst("video", "in.mp4", "whole.mp4", "--part-seconds", "60", *style).code == 0
    assert [frame.time for frame in shown(Path("out.mp4"))] == [
        frame.time for frame in shown(Path("whole.mp4"))
    ]


def len_of_first(ended: Ended) -> int:
    """How many frames were there before, by what the last line says."""
    words = ended.lines[-1].split()
    return int(words[words.index("frames") - 1]) - int(words[words.index("painted") - 1])


def test_stopped_twice_ends_at_once_and_damages_nothing(nst, clip, style) -> None:
    arguments = ("in.mp4", "out.mp4", "--part-seconds", "1", *style)
    process = started_to_second(2, *arguments)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert ended.code in (130, 143)
    assert set(without_pace(ended)) <= {
        f"nst-rt: go on with: {' '.join(['nst-rt video', *arguments, '--resume'])}",
        "nst-rt: stopped by SIGINT",
    }
    assert nst("video", *arguments, "--resume").code == 0
    assert len(shown(Path("out.mp4"))) == 100
    assert names(Path()) == ["in.mp4", "out.mp4"]


def test_killed_twice_and_resumed_gives_the_same_video(nst, clip, style) -> None:
    arguments = ("--part-seconds", "1", *style)
    assert nst("video", "in.mp4", "whole.mp4", *arguments).code == 0
    for second in (2, 3):
        resume = ("--resume",) if second > 2 else ()
        process = started_to_second(second, "in.mp4", "out.mp4", *arguments, *resume)
        process.kill()
        finish(process)
        assert not Path("out.mp4").exists()
        assert "lock" in names(Path(".out.mp4.nst-rt-job"))  # of a process that is gone
        done = sorted(Path(".out.mp4.nst-rt-job").glob("0*.mp4"))
        assert len(done) >= second - 1
    ended = nst("video", "in.mp4", "out.mp4", *arguments, "--resume")
    assert ended.code == 0
    assert len_of_first(ended) >= 2 * SECOND
    assert decoded_md5(Path("out.mp4")) == decoded_md5(Path("whole.mp4"))
    assert Path("out.mp4").read_bytes() == Path("whole.mp4").read_bytes()
    assert names(Path()) == ["in.mp4", "out.mp4", "whole.mp4"]


def test_unfinished_job_goes_on_only_as_it_was_begun_and_only_if_told(nst, clip, style) -> None:
    """Neither forgotten nor begun anew unasked, and what differs is said."""
    arguments = ("in.mp4", "out.mp4", "--part-seconds", "1", *style)
    process = started_to_second(2, *arguments)
    process.kill()
    finish(process)
    kept = sorted(Path(".out.mp4.nst-rt-job").glob("0*"))
    assert len(kept) >= 2
    for changed, said in {
        ("--crf", "30"): "crf was 20 and is 30; use ",
        ("--strength", "0.5"): "strength was 1.0 and is 0.5; use ",
        ("--part-seconds", "2"): "part_seconds was 1.0 and is 2.0; use ",
        ("--start", "1"): "start was 0 and is 1; use ",
    }.items():
        ended = nst("video", *arguments, *changed, "--resume")
        assert (ended.code, len(ended.lines)) == (2, 1)
        assert ended.lines[0].startswith(f"nst-rt: out.mp4: cannot be resumed: {said}")
        assert ended.lines[0].endswith("; use what it was begun with, or --overwrite to begin anew")
    ended = nst("video", *arguments)
    assert (ended.code, ended.lines) == (
        2,
        [
            "nst-rt: out.mp4: an unfinished job is there; --resume goes on with it, --overwrite "
            "begins anew"
        ],
    )
    make_clip(clip, range(0, 3000, 40))
    ended = nst("video", *arguments, "--resume")
    assert ended.lines[0].startswith(
        "nst-rt: out.mp4: cannot be resumed: the source is another file; "
    )
    assert sorted(Path(".out.mp4.nst-rt-job").glob("0*")) == kept
    assert nst("video", *arguments, "--overwrite").code == 0
    assert len(shown(Path("out.mp4"))) == 75
    assert names(Path()) == ["in.mp4", "out.mp4"]


def small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


def test_full_disk_keeps_what_is_done_and_goes_on_when_there_is_room(nst, folder, style) -> None:
    make_clip(folder / "in.mp4", range(0, 4000, 40), picture=noisy)
    arguments = ("in.mp4", "out.mp4", "--part-seconds", "0.4", "--crf", "10", *style)
    assert finish(start("video", "in.mp4", "whole.mp4", *arguments[2:])).code == 0
    assert Path("whole.mp4").stat().st_size > 60_000
    ended = finish(start("video", *arguments, preexec_fn=small_files_only))
    assert ended.code == 6
    command = " ".join(["nst-rt video", *arguments, "--resume"])
    assert ended.lines == [
        f"nst-rt: go on with: {command}",
        "nst-rt: out.mp4: cannot be written (File too large); free some disk space and add "
        "--resume",
    ]
    assert not Path("out.mp4").exists()
    parts = sorted(Path(".out.mp4.nst-rt-job").glob("0*.mp4"))
    assert sum(len(shown(part)) for part in parts) == 100
    assert finish(start("video", *arguments, "--resume")).code == 0
    assert decoded_md5(Path("out.mp4")) == decoded_md5(Path("whole.mp4"))


def test_full_disk_in_the_middle_of_a_part_keeps_those_before(nst, folder, style) -> None:
    make_clip(folder / "in.mp4", range(0, 4000, 40), picture=growing)
    arguments = ("in.mp4", "out.mp4", "--part-seconds", "1", "--crf", "10", *style)
    assert finish(start("video", "in.mp4", "whole.mp4", *arguments[2:])).code == 0
    ended = finish(start("video", *arguments, preexec_fn=small_files_only))
    assert ended.code == 6
    assert [line for line in ended.lines if "Traceback" in line] == []
    parts = sorted(Path(".out.mp4.nst-rt-job").glob("0*.mp4"))
    assert 1 <= len(parts) < 4
    assert all(len(shown(part)) == SECOND for part in parts)
    assert finish(start("video", *arguments, "--resume")).code == 0
    assert decoded_md5(Path("out.mp4")) == decoded_md5(Path("whole.mp4"))


def growing(index: int, height: int, width: int) -> np.ndarray:
    """Plain at first, noise later: the later parts are the larger ones."""
    if index < 40:
        return np.full((height, width, 3), 90, np.uint8)
    return np.random.default_rng(index).integers(0, 256, (height, width, 3), np.uint8)


def test_second_process_with_the_same_output_is_told_which_one_writes(nst, clip, style) -> None:
    arguments = ("in.mp4", "out.mp4", *style)
    process = started_to_second(1, *arguments)
    ended = nst("video", *arguments, "--resume")
    assert (ended.code, ended.lines) == (
        2,
        [f"nst-rt: out.mp4: is being written by process {process.pid}; wait, or stop that"],
    )
    overwriting = nst("video", *arguments, "--overwrite")
    assert overwriting.code == 2
    assert finish(process).code == 0
    assert len(shown(Path("out.mp4"))) == 100


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

"""A conversion that is stopped, killed or has no room: nothing is lost, and it goes on."""

from __future__ import annotations

import hashlib
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.nst_rt.video.clips import make_clip, noisy
from tests.nst_rt.video.contents import shown

from .conftest import RUN, Ended, finish, names, start

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


def without_pace(ended: Ended) -> list[str]:
    return [line for line in ended.lines if not line.startswith("at ")]


def started_to_second(number: int, *arguments: str | Path):
    """A slow conversion that has begun this second of the clip."""
    process = start("video", *arguments, code=PACED, bufsize=0)
    for line in iter(process.stderr.readline, b""):
        if line.startswith(b"at ") and float(line[3:]) >= number:
            return process
    raise AssertionError("it ended before")


def decoded_md5(path: Path) -> list[str]:
    """What a decoder makes of each frame, and when it is shown."""
    return [
        f"{frame.time} {hashlib.md5(frame.frame.to_ndarray().tobytes()).hexdigest()}"
        for frame in shown(path)
    ]


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
        [f"nst-rt: resume with: {command}", f"nst-rt: stopped by {name}"],
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
        f"nst-rt: resume with: {' '.join(['nst-rt video', *arguments, '--resume'])}",
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
        assert ended.lines[0].endswith("or restart with overwrite=True (--overwrite)")
    ended = nst("video", *arguments)
    assert (ended.code, ended.lines) == (
        2,
        [
            "nst-rt: out.mp4: there is an unfinished job; continue with resume=True (--resume), "
            "or restart with overwrite=True (--overwrite)"
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
        f"nst-rt: resume with: {command}",
        "nst-rt: out.mp4: cannot be written (File too large); free some disk space and pass "
        "resume=True (--resume)",
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

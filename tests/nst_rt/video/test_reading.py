"""Every frame once, in order, whatever state the file is in."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nst_rt.errors import InputError
from nst_rt.video.converting import convert
from nst_rt.video.reading import VideoReader
from nst_rt.video.selection import Selection

from .clips import MS, Sound, make_clip, noisy, number_in
from .contents import packets, rising, shown
from .inverting import Inverting, convert_inverted


@pytest.fixture
def interlaced(tmp_path: Path) -> Path:
    clip = make_clip(
        tmp_path / "clip.mkv",
        range(0, 800, 40),
        options={"x264-params": "tff=1"},
        picture=moving_combs,
    )
    assert all(frame.frame.interlaced_frame for frame in shown(clip))
    return clip


def moving_combs(index: int, height: int, width: int) -> np.ndarray:
    """The lower lines are half a picture later: a bar that moves is a comb at its edges."""
    picture = np.zeros((height, width, 3), np.uint8)
    for field in range(2):
        left = 6 * (index % 8) + field * 3
        picture[field::2, left : left + 12] = 255
    return picture


def combs(rgb: np.ndarray) -> float:
    lines = rgb[..., 0].astype(int)
    return float(np.abs(lines[1:-1] * 2 - lines[:-2] - lines[2:]).mean())


def test_interlaced_video_is_told_and_whole_where_asked(interlaced, tmp_path: Path, caplog) -> None:
    cure = "pass deinterlace=True (--deinterlace)"
    said = f"is interlaced, so that moving edges are painted as combs; {cure}"
    plain = convert_inverted(interlaced, tmp_path / "plain.mp4")
    assert [line for line in caplog.messages if "interlaced" in line] == [f"clip.mkv: {said}"]
    caplog.clear()
    whole = convert_inverted(
        interlaced, tmp_path / "whole.mp4", selection=Selection(deinterlace=True)
    )
    assert [line for line in caplog.messages if "interlaced" in line] == []
    assert len(plain) == len(whole) == 20
    assert [frame.time for frame in whole] == [frame.time for frame in plain]
    assert combs(whole[4].rgb) < combs(plain[4].rgb) / 2
    assert not any(frame.frame.interlaced_frame for frame in whole)


def test_deinterlacing_leaves_a_whole_video_as_it_is(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [0, 33, 70, 71, 150])
    chosen = Selection(deinterlace=True)
    frames = convert_inverted(clip, tmp_path / "painted.mp4", selection=chosen)
    assert [(frame.number, frame.time) for frame in frames] == [
        (255 - frame.number, frame.time) for frame in shown(clip)
    ]


def test_sound_alone_is_one_line(tmp_path: Path) -> None:
    clip = tmp_path / "sound.m4a"
    with av.open(str(clip), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 8000, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(InputError, match="has no video, only sound or data"):
        VideoReader(clip)


def flipped(path: Path, count: int = 400) -> Path:
    """The same file with bytes of its middle third turned over."""
    data = bytearray(path.read_bytes())
    chance = random.Random(1)
    third = len(data) // 3
    for _ in range(count):
        data[chance.randrange(third, 2 * third)] ^= 1 << chance.randrange(8)
    broken = path.with_stem("broken")
    broken.write_bytes(data)
    return broken


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_flipped_bytes_cost_frames_and_neither_the_rest_nor_its_times(
    tmp_path: Path, suffix
) -> None:
    clip = flipped(
        make_clip(
            tmp_path / f"clip{suffix}",
            range(0, 8000, 40),
            picture=noisy,
            options={"x264-params": "keyint=10", "qp": "20"},
            sounds=[Sound(seconds=Fraction(8))] if suffix == ".mp4" else [],
        )
    )
    readable = {frame.time for frame in shown(clip) if frame.time is not None}
    target = tmp_path / "painted.mp4"
    done = convert(clip, target, Inverting())
    frames = shown(target)
    assert done.damaged_packets >= 10
    assert len(readable) * 0.98 <= len(frames) <= 200
    begun = frames[0].time
    first = min(readable)
    right = [
        frame for frame in frames if abs(frame.time - begun - (255 - frame.number) * 40 * MS) <= MS
    ]
    assert len(right) >= 120  # two thirds were not touched
    assert begun - first <= MS
    if suffix == ".mp4":
        assert packets(target, "audio") == packets(clip, "audio")


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_cut_recording_gives_what_is_there(tmp_path: Path, suffix, caplog) -> None:
    whole = make_clip(tmp_path / f"whole{suffix}", range(0, 4000, 40), picture=noisy)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames = convert_inverted(cut, tmp_path / "painted.mp4")
    assert 40 <= len(frames) <= 52
    assert [frame.number for frame in frames[:40]] == [255 - index for index in range(40)]
    told = [line for line in caplog.messages if "too early; copy or download it again" in line]
    assert len(told) == (suffix == ".mkv")  # a transport stream does not say how long it is


def test_download_that_broke_off_gives_what_is_there_with_a_line(tmp_path: Path, caplog) -> None:
    """Its index comes first, and tells of packets that never arrived."""
    whole = make_clip(
        tmp_path / "whole.mp4",
        range(0, 4000, 40),
        picture=noisy,
        sounds=[Sound(seconds=Fraction(4096, 1000))],
        muxing={"movflags": "faststart"},
    )
    cut, target = tmp_path / "cut.mp4", tmp_path / "painted.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = convert(cut, target, Inverting())
    frames = shown(target)
    assert 30 <= len(frames) < 60
    assert [frame.number for frame in frames[:30]] == [255 - index for index in range(30)]
    sound = packets(target, "audio")
    assert sound == packets(whole, "audio")[: len(sound)]
    assert len(sound) >= 8
    assert done.damaged_packets >= 50
    (line,) = caplog.messages
    assert re.search(r"^cut\.mp4: ends after \d\d of 100 packets; copy or download it again$", line)


def test_other_size_after_a_cut_is_fitted_and_time_goes_on(tmp_path: Path, caplog) -> None:
    """Two recordings, one behind the other in a transport stream: times begin again."""
    uneven = [0, 40, 120, *range(160, 2040, 40)]
    parts = [
        make_clip(tmp_path / "a.ts", range(0, 2000, 40)),
        make_clip(tmp_path / "b.ts", uneven, size=(96, 72)),
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    target = tmp_path / "painted.mp4"
    frames = convert_inverted(both, target)
    assert [frame.number for frame in frames] == 2 * [255 - index for index in range(50)]
    assert {(frame.frame.width, frame.frame.height) for frame in frames} == {(64, 48)}
    assert 0 < frames[50].time - frames[49].time <= Fraction(1, 10)
    assert [round((frame.time - frames[50].time) * 1000) for frame in frames[50:]] == uneven
    assert rising(target)
    said = "its size changes to 96x72; it is scaled to the first, 64x48"
    assert [line for line in caplog.messages if "size" in line] == [f"both.ts: {said}"]


def test_first_frames_are_those_of_the_file_and_not_of_a_second_reading(tmp_path: Path) -> None:
    reader = VideoReader(make_clip(tmp_path / "clip.mp4"))
    for _ in range(2):
        found = [number_in(reader.frame(one).rgb) for one in reader.decoded()]
        assert found == list(range(10))
    assert reader.repairs.damaged_packets == 0

"""Each frame is shown after the one before, as the file says or as its rate does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import pytest

from nst_rt.video.timing import timed

from .clips import MS, make_clip, numbered
from .contents import rising, shown
from .inverting import convert_inverted

REBUILT = "times are missing or go back; they are rebuilt from the frame rate"


@pytest.mark.parametrize(
    ("name", "codec"), [("a.h264", "libx264"), ("a.hevc", "libx265"), ("a.avi", "mpeg4")]
)
def test_missing_times_are_rebuilt_from_the_rate_with_one_line(
    tmp_path: Path, caplog, name, codec
) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    clip = make_clip(
        tmp_path / name, range(30), unit=Fraction(1, 25), last=1, codec=codec, options=options
    )
    target = tmp_path / "painted.mp4"
    frames = convert_inverted(clip, target)
    assert [frame.number for frame in frames] == [255 - index for index in range(30)]
    steps = {one.time - frames[0].time for one in frames}
    assert steps == {Fraction(index, 25) for index in range(30)}
    assert rising(target)
    told = [line for line in caplog.messages if REBUILT in line]
    without = any(frame.time is None for frame in shown(clip))
    assert len(told) == (1 if without else 0)


def repeated_times(path: Path, times: list[int]) -> Path:
    """A Matroska file whose packets have these times, some twice and some going back."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.codec_context.time_base = MS
        found = []
        for index in range(len(times)):
            frame = av.VideoFrame.from_ndarray(numbered(index, 48, 64), format="rgb24")
            frame.pts, frame.time_base = index, MS
            found += stream.encode(frame.reformat(format="yuvj420p"))
        for packet, moment in zip(found + stream.encode(None), times, strict=True):
            packet.pts = packet.dts = moment
            output.mux(packet)
    return path


def test_repeated_times_are_pushed_apart_and_the_others_stay(tmp_path: Path, caplog) -> None:
    clip = repeated_times(tmp_path / "clip.mkv", [0, 40, 40, 40, 120, 160, 160, 200])
    target = tmp_path / "painted.mp4"
    frames = convert_inverted(clip, target)
    assert [frame.time * 1000 for frame in frames] == [0, 40, 41, 42, 120, 160, 161, 200]
    assert [frame.number for frame in frames] == [255 - index for index in range(8)]
    assert [line for line in caplog.messages if REBUILT in line] == [f"clip.mkv: {REBUILT}"]


@dataclass
class FakeFrame:
    pts: int | None
    duration: int = 0
    time_base: Fraction | None = None


@dataclass
class FakeStream:
    time_base: Fraction
    average_rate: Fraction | None
    guessed_rate: Fraction | None = None


@pytest.mark.parametrize("unit", [MS, Fraction(1, 90000), Fraction(1001, 30000)])
@pytest.mark.parametrize("told", [True, False])
def test_clock_of_30000_by_1001_does_not_drift(unit, told) -> None:
    """The times of a quarter of an hour: what is rebuilt is as exact as what is told."""
    rate, count = Fraction(30000, 1001), 30_000

    def frames() -> Iterator[FakeFrame]:
        for index in range(count):
            yield FakeFrame(round(index / rate / unit) if told or not index else None)

    for index, decoded in enumerate(timed(frames(), FakeStream(unit, rate), lambda: None)):
        if index % 997 == 0 or index == count - 1:
            assert abs(decoded.time - index / rate) <= unit / 2
            assert isinstance(decoded.time, Fraction)
    assert index == count - 1


def test_ten_hours_in_stay_exact_through_the_file(tmp_path: Path) -> None:
    hours = 10 * 3600 * 30000
    times = range(hours, hours + 20 * 1001, 1001)
    clip = make_clip(tmp_path / "clip.mp4", times, unit=Fraction(1, 30000), last=1001)
    frames = convert_inverted(clip, tmp_path / "painted.mp4", part_seconds=0.2)
    assert [frame.time * 30000 for frame in frames] == list(times)


def test_one_time_far_ahead_is_mended_and_the_others_stay() -> None:
    """Bytes that flipped in a recording: else a frame would stand for ten seconds."""
    frames = [FakeFrame(pts) for pts in (0, 40, 80, 9_999, 160, 200)]
    told: list[None] = []
    stream = FakeStream(MS, Fraction(25))
    times = [one.time for one in timed(iter(frames), stream, lambda: told.append(None))]
    assert times == [Fraction(pts, 1000) for pts in (0, 40, 80, 120, 160, 200)]
    assert len(told) == 1


def test_two_recordings_in_one_go_on_one_after_the_other() -> None:
    frames, stream = [FakeFrame(pts) for pts in (9_000, 9_040, 0, 40)], FakeStream(MS, Fraction(25))
    times = [one.time for one in timed(iter(frames), stream, lambda: None)]
    assert times == [Fraction(pts, 1000) for pts in (9_000, 9_040, 9_080, 9_120)]

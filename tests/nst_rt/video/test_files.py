"""Video files as one source or sink of frames among others."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nst_rt.errors import OutputError, ProviderError, UsageError
from nst_rt.video.encoding import Encoding
from nst_rt.video.files import VideoFileSink, VideoFileSource
from nst_rt.video.frame_conversion import convert_frames
from nst_rt.video.frames import Frame
from nst_rt.video.selection import Selection

from .clips import make_clip, number_in, numbered
from .contents import shown
from .inverting import Inverting

VARIABLE = [0, 33, 70, 71, 150, 400]


class Few:
    """A source of numbered frames at certain times."""

    def __init__(self, times: list[Fraction], rate: Fraction | None, last: Fraction) -> None:
        self.times, self.rate, self.last = times, rate, last
        self.height, self.width, self.count = 48, 64, len(times)

    def __iter__(self):
        ends = [*self.times[1:], self.times[-1] + self.last]
        for index, (time, end) in enumerate(zip(self.times, ends, strict=True)):
            yield Frame(numbered(index, 48, 64), time, end - time)

    def close(self) -> None:
        pass


def sink(target: Path, source, encoding: Encoding | None = None) -> VideoFileSink:
    return VideoFileSink(target, source, (48, 64), encoding or Encoding())


def test_source_gives_every_frame_at_its_time_upright(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", VARIABLE, rotation=90)
    source = VideoFileSource(clip, Selection())
    assert (source.height, source.width, source.count) == (64, 48, 6)
    for _ in range(2):  # it begins anew each time
        frames = list(source)
        assert [frame.time * 1000 for frame in frames] == VARIABLE
        assert [number_in(np.rot90(frame.rgb, -1)) for frame in frames] == list(range(6))
    source.close()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_sink_keeps_times_and_the_last_duration(tmp_path: Path, suffix) -> None:
    times = [Fraction(moment, 1000) for moment in VARIABLE]
    source, target = Few(times, Fraction(25), Fraction(1, 4)), tmp_path / f"out{suffix}"
    done = convert_frames(source, sink(target, source), Inverting())
    frames = shown(target)
    assert done.frames == 6
    assert [frame.number for frame in frames] == [255 - index for index in range(6)]
    assert all(
        abs(frame.time - time) <= Fraction(1, 1000)
        for frame, time in zip(frames, times, strict=True)
    )
    assert abs(frames[-1].duration - Fraction(1, 4)) <= Fraction(1, 1000)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(2997, 100), Fraction(25), None])
def test_times_of_any_rate_are_exact(tmp_path: Path, rate) -> None:
    step = 1 / (rate or Fraction(30))
    source = Few([index * step for index in range(30)], rate, step)
    target = tmp_path / "out.mp4"
    convert_frames(source, sink(target, source), Inverting())
    assert [frame.time for frame in shown(target)] == [index * step for index in range(30)]


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    source, target = Few([Fraction(0)], Fraction(25), Fraction(1)), tmp_path / "out.mkv"
    made = sink(target, source, Encoding(codec="ffv1", pixel_format="bgr0"))
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, 32:] = 255
    black = np.zeros((48, 64, 3), np.uint8)
    made.write(Frame(black, Fraction(0), Fraction(1), alpha))
    made.finish()
    rgb = shown(target)[0].rgb
    assert (rgb[:, :32] == 255).all()
    assert (rgb[:, 32:] == 0).all()


def test_nothing_is_left_of_what_was_given_up(tmp_path: Path) -> None:
    source = Few([Fraction(0)], Fraction(25), Fraction(1))
    made = sink(tmp_path / "out.mp4", source)
    made.write(next(iter(source)))
    made.abort()
    made.abort()
    assert list(tmp_path.iterdir()) == []


def test_video_gets_its_name_only_when_the_disk_has_it(tmp_path: Path, monkeypatch) -> None:
    source = Few([Fraction(0)], Fraction(25), Fraction(1))
    made = sink(tmp_path / "out.mp4", source)
    made.write(next(iter(source)))

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OutputError, match=r"out\.mp4: cannot be written \(No space left"):
        made.finish()
    made.abort()
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_work_is_said_at_once(tmp_path: Path) -> None:
    source = Few([Fraction(0)], Fraction(25), Fraction(1))
    with pytest.raises(UsageError, match="webm does not support libx264"):
        sink(tmp_path / "out.webm", source, Encoding(codec="libx264"))
    with pytest.raises(ProviderError, match="there is no encoder none here"):
        sink(tmp_path / "out.mp4", source, Encoding(codec="none"))
    made = sink(tmp_path / "absent" / "out.mp4", source)
    made.write(next(iter(source)))
    with pytest.raises(OutputError, match=r"out\.mp4: cannot be written \(No such file"):
        made.finish()

"""Rates that somebody asks for: what a video holds is taken, what none holds is told."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import InputError, UsageError
from nst_rt.video import Encoding, convert_frames, open_source
from nst_rt.video.files import VideoFileSink
from nst_rt.video.rate import checked_rate

from .inverting import Inverting

CURE = "; choose it from 1/10000 to 1000 frames per second"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (16, 16), (number, 80, 90)).save(folder / f"{number}.png")
    return folder


def painted(source, target) -> list[Fraction]:
    """The times of the frames in the file."""
    sink = VideoFileSink(target, source, (source.height, source.width), Encoding())
    convert_frames(source, sink, Inverting())
    with av.open(str(target)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("rate", ["1/10000", "1000", "29.97002997002997", "0.0333333333333333333"])
def test_rates_that_are_taken_are_written(pictures, tmp_path, suffix, rate) -> None:
    """Also those whose numbers are longer than FFmpeg's."""
    source = open_source(pictures, rate=Fraction(rate))
    times = painted(source, tmp_path / f"out{suffix}")
    expected = [float(number / Fraction(rate)) for number in range(3)]
    assert [float(time) for time in times] == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize("rate", [Fraction(1, 1_000_000), 0, -1, 1001, float("nan"), "25"])
def test_rates_that_no_video_has_are_told(pictures, rate) -> None:
    with pytest.raises(UsageError, match=f"rate is .*{CURE}"):
        open_source(pictures, rate=rate)


def test_rates_of_any_type_are_exact() -> None:
    assert checked_rate(Fraction(30000, 1001)) == Fraction(30000, 1001)
    assert checked_rate(np.float32(12.5)) == Fraction(25, 2)
    assert checked_rate(23.976) == Fraction(2997, 125)


def test_rate_of_a_header_that_a_file_does_not_hold_is_told(tmp_path) -> None:
    path = tmp_path / "in.y4m"
    frame = b"FRAME\n" + bytes([90]) * (16 * 16 * 3)
    path.write_bytes(b"YUV4MPEG2 W16 H16 F1:1000000 C444\n" + 2 * frame)
    source = open_source(path)
    with pytest.raises(UsageError, match=f"rate is 1/1000000{CURE}"):
        VideoFileSink(tmp_path / "out.mp4", source, (16, 16), Encoding())
    source.close()
    assert painted(open_source(path, rate=Fraction(5)), tmp_path / "out.mp4") == [0, Fraction(1, 5)]
    path.write_bytes(b"YUV4MPEG2 W16 H16 F99999999999:1 C444\n" + 2 * frame)
    with pytest.raises(InputError, match="its y4m header is damaged"):
        open_source(path)

"""A painted file shows every frame at its time and keeps all else that the source is."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nst_rt.errors import InputError, UsageError
from nst_rt.video.converting import convert
from nst_rt.video.encoding import Encoding
from nst_rt.video.frames import Frame
from nst_rt.video.selection import Selection

from .clips import MS, Sound, make_clip
from .contents import Shown, packets, rising, shown
from .inverting import Inverting, Keeping

VARIABLE = [0, 33, 70, 71, 150, 400]


@pytest.fixture
def painted(tmp_path: Path):
    """Convert a clip into `painted.SUFFIX` with inverted colours and return the path."""

    def paint(source: Path, suffix: str = ".mp4", **options) -> Path:
        target = tmp_path / f"painted{suffix}"
        convert(source, target, options.pop("painter", Inverting()), **options)
        return target

    return paint


def times(frames: list[Shown]) -> list[float]:
    return [float(frame.time) for frame in frames]


def same_times(ours: list[Shown], theirs: list[Shown], tick: Fraction = MS) -> bool:
    return len(ours) == len(theirs) and all(
        abs(one.time - other.time) <= tick for one, other in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize("source", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_variable_rate_keeps_every_time(painted, tmp_path, source, suffix) -> None:
    clip = make_clip(tmp_path / f"clip{source}", VARIABLE)
    frames = shown(painted(clip, suffix))
    assert same_times(frames, shown(clip))
    assert [frame.number for frame in frames] == [255 - index for index in range(6)]


def test_times_finer_than_a_millisecond_are_exact_in_mp4(painted, tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", range(0, 30030, 1001), unit=Fraction(1, 30000))
    assert times(shown(painted(clip))) == [index * 1001 / 30000 for index in range(30)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("start", [0, 83, 5000])
def test_offset_of_sound_and_picture_stays_within_a_millisecond(
    painted, tmp_path, suffix, start
) -> None:
    clip = make_clip(
        tmp_path / f"clip{suffix}",
        range(start, start + 400, 40),
        sounds=[Sound(start=Fraction(start, 1000) + Fraction(1, 4))],
    )
    target = painted(clip, suffix)
    offset = packets(clip, "audio")[0].pts - shown(clip)[0].time
    assert abs(packets(target, "audio")[0].pts - shown(target)[0].time - offset) <= MS
    assert same_times(shown(target), shown(clip))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_negative_start_keeps_the_offset(painted, tmp_path, suffix) -> None:
    """Sound that begins before the picture's zero, as an encoder's priming does."""
    clip = make_clip(tmp_path / "clip.mp4", sounds=[Sound()])
    assert packets(clip, "audio")[0].pts < 0
    target = painted(clip, suffix)
    offset = packets(clip, "audio")[0].pts - shown(clip)[0].time
    assert abs(packets(target, "audio")[0].pts - shown(target)[0].time - offset) <= MS


@pytest.mark.parametrize(
    "options",
    [{"bf": "3", "b-pyramid": "normal"}, {"x264-params": "open-gop=1:keyint=6:bframes=3"}],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_reordered_frames_come_in_the_order_of_showing(painted, tmp_path, options, suffix) -> None:
    settings = {"preset": "medium", "b-adapt": "0", "qp": "1", **options}
    clip = make_clip(tmp_path / f"clip{suffix}", range(0, 1200, 40), options=settings)
    target = painted(clip)
    assert [frame.number for frame in shown(target)] == [255 - index for index in range(30)]
    assert same_times(shown(target), shown(clip))
    assert rising(target)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_rotation_is_carried_over_and_the_pixels_stay(painted, tmp_path, suffix, degrees) -> None:
    clip = make_clip(tmp_path / f"clip{suffix}", rotation=degrees)
    frame = shown(painted(clip, suffix))[0].frame
    assert abs(frame.rotation) == abs(degrees)
    assert frame.rotation == shown(clip)[0].frame.rotation
    assert (frame.width, frame.height) == (64, 48)


def corner(index: int, height: int, width: int) -> np.ndarray:
    """Black, with a white upper left quarter."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = 255
    return picture


@pytest.mark.parametrize(
    ("degrees", "size", "white"),
    [(90, (48, 64), (1, 0)), (180, (64, 48), (1, 1)), (-90, (48, 64), (0, 1))],
)
def test_baked_rotation_turns_the_pixels_and_clears_the_mark(
    painted, tmp_path, degrees, size, white
) -> None:
    """Counterclockwise, as the mark means it: a quarter turn sends the upper left to the lower."""
    clip = make_clip(tmp_path / "clip.mp4", rotation=degrees, picture=corner)
    target = painted(clip, painter=Keeping(), selection=Selection(upright=True))
    frame = shown(target)[0].frame
    assert (frame.rotation, frame.width, frame.height) == (0, *size)
    grey = frame.to_ndarray(format="gray")
    halves = [
        [grey[y : y + 8, x : x + 8].mean() for x in (2, size[0] - 10)] for y in (2, size[1] - 10)
    ]
    assert np.unravel_index(np.argmax(halves), (2, 2)) == white


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_shape_of_pixels_is_kept(painted, tmp_path, suffix) -> None:
    clip = make_clip(tmp_path / f"clip{suffix}", aspect=Fraction(32, 27))
    with av.open(str(painted(clip, suffix))) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(32, 27)


def test_baked_quarter_turn_turns_the_shape_of_pixels_too(painted, tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", aspect=Fraction(32, 27), rotation=90)
    with av.open(str(painted(clip, selection=Selection(upright=True)))) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(27, 32)


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (63, 48)])
def test_odd_sizes_stay_and_are_told(painted, tmp_path, caplog, size) -> None:
    clip = make_clip(tmp_path / "clip.mkv", size=size, pixel_format="yuv444p")
    target = painted(clip)
    frame = shown(target)[3]
    assert (frame.frame.width, frame.frame.height) == size
    assert frame.number == 252
    assert f"{size[0]}x{size[1]} is odd, which 4:2:0 does not allow" in caplog.text


@pytest.mark.parametrize("seconds", [Fraction(128, 1000), Fraction(2048, 1000)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_longer_or_shorter_than_the_picture_is_kept_whole(
    painted, tmp_path, seconds, suffix
) -> None:
    clip = make_clip(tmp_path / f"clip{suffix}", sounds=[Sound(seconds=seconds)])
    target = painted(clip, suffix)
    assert packets(target, "audio") == packets(clip, "audio")
    assert len(shown(target)) == 10
    with av.open(str(clip)) as one, av.open(str(target)) as other:
        assert abs(one.duration - other.duration) <= 40_000


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_one_frame_is_a_video_with_its_duration(painted, tmp_path, suffix) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [0], last=700)
    (frame,) = shown(painted(clip, suffix))
    assert (frame.time, frame.duration) == (0, Fraction(7, 10))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_last_frame_keeps_its_duration(painted, tmp_path, suffix) -> None:
    clip = make_clip(tmp_path / "clip.mp4", VARIABLE, last=250)
    target = painted(clip, suffix)
    assert shown(target)[-1].duration == Fraction(1, 4)
    with av.open(str(target)) as container:
        assert container.duration == 650_000


def test_no_frame_is_one_line_and_no_output(painted, tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", [], sounds=[Sound()])
    with pytest.raises(InputError, match="has no frame that can be decoded"):
        painted(clip)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv"]


def test_stretch_without_frames_is_one_line_and_no_output(painted, tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(InputError, match="has no frame in that section"):
        painted(clip, selection=Selection(start=Fraction(5)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


@pytest.mark.parametrize("link", ["the same", "symbolic link", "hard link"])
def test_output_that_is_the_source_is_refused(tmp_path, link) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    before, target = clip.read_bytes(), tmp_path / "out.mp4"
    if link == "the same":
        target = clip
    elif link == "symbolic link":
        target.symlink_to(clip)
    else:
        os.link(clip, target)
    with pytest.raises(UsageError, match="is the video itself; choose another output"):
        convert(clip, target, Inverting(), overwrite=True)
    assert clip.read_bytes() == before


def test_output_that_exists_is_kept_unless_told(painted, tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    target = tmp_path / "painted.mp4"
    target.write_bytes(b"old")
    with pytest.raises(UsageError, match="exists already; pass overwrite=True"):
        painted(clip)
    assert target.read_bytes() == b"old"
    assert len(shown(painted(clip, overwrite=True))) == 10


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1"])
@pytest.mark.parametrize("count", [1, 2, 70])
def test_encoders_that_delay_lose_no_frame(painted, tmp_path, codec, count) -> None:
    clip = make_clip(tmp_path / "clip.mp4", range(0, 40 * count, 40))
    target = painted(clip, ".mkv", encoding=Encoding(codec=codec))
    assert [frame.number for frame in shown(target)] == [255 - index for index in range(count)]
    assert same_times(shown(target), shown(clip))


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1"])
def test_parts_of_every_codec_become_one_video(painted, tmp_path, codec) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [*range(0, 1000, 40), *range(1000, 2000, 100)])
    target = painted(clip, ".mkv", encoding=Encoding(codec=codec), part_seconds=0.3)
    assert [frame.number for frame in shown(target)] == [255 - index for index in range(35)]
    assert same_times(shown(target), shown(clip))
    assert rising(target)


class Breaking(Inverting):
    """Fails at the sixth frame, in the stage that it is told."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def paint(self, frame: Frame) -> Frame:
        painted = super().paint(frame)
        if frame.time < Fraction(1, 5):
            return painted
        if self.stage == "paint":
            raise ValueError("the brush broke")
        return frame.painted(painted.rgb[:, :, 0])  # what the next stage cannot turn into YUV


@pytest.mark.parametrize(
    ("stage", "error", "said"),
    [("paint", ValueError, "^the brush broke$"), ("to yuv", ValueError, "ndim")],
)
def test_fault_in_a_stage_is_shown_and_joins_all_threads(
    painted, tmp_path, stage, error, said
) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(error, match=said):
        painted(clip, painter=Breaking(stage), part_seconds=0.1)
    assert [one.name for one in threading.enumerate() if one.name.startswith("nst-")] == []
    assert not (tmp_path / "painted.mp4").exists()
    assert len(shown(painted(clip, resume=True, part_seconds=0.1))) == 10


def test_progress_counts_every_frame_and_knows_the_total(painted, tmp_path) -> None:
    clip, seen = make_clip(tmp_path / "clip.mp4"), []
    painted(clip, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 10) for number in range(1, 11)]


def test_stretch_begins_at_its_start_and_ends_at_its_end(painted, tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", range(0, 2000, 40), sounds=[Sound(seconds=Fraction(2))])
    target = painted(clip, selection=Selection(start=Fraction(1), duration=Fraction(1, 2)))
    frames = shown(target)
    assert [frame.number for frame in frames] == [255 - index for index in range(25, 38)]
    assert times(frames) == [index * 0.04 for index in range(13)]
    sound = packets(target, "audio")
    assert all(Fraction(-1, 5) <= packet.pts < Fraction(1, 2) for packet in sound)
    original = {packet.data: packet.pts for packet in packets(clip, "audio")}
    assert all(original[packet.data] - packet.pts == 1 for packet in sound)
    assert len(sound) == 4


def test_of_several_videos_the_largest_is_painted_or_the_one_that_is_named(
    painted, tmp_path, caplog
) -> None:
    small = make_clip(tmp_path / "small.mp4", size=(32, 32))
    large = make_clip(tmp_path / "large.mp4")
    both = tmp_path / "both.mkv"
    with av.open(str(both), "w") as output:
        sources = [av.open(str(path)) for path in (small, large)]
        streams = [output.add_stream_from_template(one.streams.video[0]) for one in sources]
        for source, stream in zip(sources, streams, strict=True):
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
            source.close()
    assert shown(painted(both))[0].frame.width == 64
    assert (
        "video track 0 is dropped: only one is painted, which stream (--stream) chooses"
        in caplog.text
    )
    target = painted(both, overwrite=True, selection=Selection(stream=0))
    assert shown(target)[0].frame.width == 32
    with pytest.raises(UsageError, match="has no video stream 7; there are: 0, 1"):
        painted(both, overwrite=True, selection=Selection(stream=7))

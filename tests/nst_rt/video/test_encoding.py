"""Which encoder is taken, and that what does not work is said before a frame is decoded."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from nst_rt.errors import ProviderError, UsageError
from nst_rt.video import encoding as module
from nst_rt.video.converting import convert
from nst_rt.video.encoding import Encoding, choose_encoder
from nst_rt.video.facts import VideoFacts
from nst_rt.video.frames import Frame
from nst_rt.video.reading import VideoReader

from .clips import make_clip
from .contents import shown
from .inverting import Inverting


class Never(Inverting):
    """Must not be asked: what does not work is found before the first frame."""

    def paint(self, frame: Frame) -> Frame:
        raise AssertionError("a frame was painted")


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> VideoFacts:
    return VideoReader(make_clip(tmp_path_factory.mktemp("facts") / "clip.mp4")).facts


def choose(facts: VideoFacts, name: str = "a.mp4", size=(48, 64), **options):
    return choose_encoder(Encoding(**options), Path(name), facts, size)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.MOV", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")],
)
def test_container_decides_the_codec_unless_told(facts, name, codec) -> None:
    assert choose(facts, name).codec == codec
    assert choose(facts, "a.mkv", codec="ffv1").codec == "ffv1"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.avi", r"\.avi does not keep the times of frames; choose \.mp4, "),
        ("a.ogv", r"\.ogv is not a video format that can be written; choose \.mp4, "),
        ("a", "has no suffix that names a format; choose .* or a folder/"),
    ],
)
def test_container_that_cannot_keep_times_is_refused_with_those_that_do(facts, name, what) -> None:
    with pytest.raises(UsageError, match=what):
        choose(facts, name)


@pytest.mark.parametrize(
    ("codec", "suffix", "works"),
    [
        ("libx264", ".webm", ".mp4, .m4v, .mov, .mkv"),
        ("libvpx-vp9", ".mov", ".mp4, .m4v, .mkv, .webm"),
        ("ffv1", ".webm", ".mp4, .m4v, .mkv"),
        ("prores_ks", ".mp4", ".mov, .mkv"),
    ],
)
def test_codec_that_the_container_does_not_hold_is_refused_before_the_first_frame(
    tmp_path: Path, codec, suffix, works
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [0])
    with pytest.raises(UsageError, match=f"{suffix[1:]} does not support {codec}; write {works}$"):
        convert(clip, tmp_path / f"out{suffix}", Never(), encoding=Encoding(codec=codec))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("prores_ks", ".mov"),
        ("prores_ks", ".mkv"),
        ("libx265", ".mov"),
        ("libvpx-vp9", ".mp4"),
        ("libsvtav1", ".webm"),
        ("libsvtav1", ".mp4"),
        ("mpeg4", ".mp4"),
        ("ffv1", ".mkv"),
    ],
)
def test_every_codec_that_fits_is_written(tmp_path: Path, codec, suffix) -> None:
    clip, target = make_clip(tmp_path / "clip.mp4"), tmp_path / f"out{suffix}"
    convert(clip, target, Inverting(), encoding=Encoding(codec=codec), part_seconds=0.15)
    assert [frame.number for frame in shown(target)] == [255 - index for index in range(10)]


@pytest.mark.parametrize("codec", ["no_such_codec", "aac", "libdav1d"])
def test_absent_encoder_is_told_with_those_that_work(tmp_path: Path, codec) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [0])
    with pytest.raises(ProviderError, match=f"no encoder {codec} here; choose libx264, ") as caught:
        convert(clip, tmp_path / "out.mp4", Never(), encoding=Encoding(codec=codec))
    named = caught.value.cure.removeprefix("choose ").split(", ")
    assert all(av.codec.Codec(name, "w") for name in named)


def test_hardware_that_is_not_here_is_told(tmp_path: Path, monkeypatch, facts) -> None:
    monkeypatch.setattr(module, "_opens", lambda name: False)
    with pytest.raises(ProviderError, match="no hardware encoder works here; leave codec "):
        choose(facts, codec="hardware")


def test_hardware_that_is_here_is_taken(monkeypatch, facts) -> None:
    monkeypatch.setattr(module, "_opens", lambda name: name == "h264_qsv")
    for check in ("_try", "_fits"):
        monkeypatch.setattr(module, check, lambda *arguments: True)
    chosen = choose(facts, codec="hardware", crf=25)
    assert chosen.codec == "h264_qsv"
    assert dict(chosen.options) == {"global_quality": "25"}


def test_encoder_that_needs_absent_hardware_is_absent(tmp_path: Path) -> None:
    """It is part of FFmpeg everywhere, so only opening it tells."""
    if module._opens("h264_nvenc"):
        return
    clip = make_clip(tmp_path / "clip.mp4", [0])
    with pytest.raises(ProviderError, match="h264_nvenc does not work here; choose libx264, "):
        convert(clip, tmp_path / "out.mp4", Never(), encoding=Encoding(codec="h264_nvenc"))


def test_what_cannot_be_odd_is_refused_with_what_can(facts) -> None:
    with pytest.raises(UsageError, match="yuv420p has no odd sizes, and this is 63x47; choose pi"):
        choose(facts, size=(47, 63), pixel_format="yuv420p")
    assert choose(facts, size=(47, 63)).pixel_format == "yuv444p"


@pytest.mark.parametrize(("name", "options"), [("a.webm", {}), ("a.mkv", {"codec": "libsvtav1"})])
def test_encoder_without_444_says_what_to_do_about_an_odd_size(facts, name, options) -> None:
    if name == "a.webm":
        assert choose(facts, name, size=(47, 63), **options).pixel_format == "yuv444p"
        return
    with pytest.raises(UsageError, match="libsvtav1 does not open with these settings"):
        choose(facts, name, size=(47, 63), **options)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"pixel_format": "yuv999"}, "there is no pixel format yuv999; choose yuv420p, "),
        ({"pixel_format": "rgba"}, "libx264 does not open with these settings"),
        ({"preset": "warp"}, r"libx264 does not open with these settings \(Invalid argument\)"),
        ({"codec": "mpeg4", "crf": 20}, "mpeg4 has no constant quality; leave crf "),
    ],
)
def test_options_without_meaning_are_refused(facts, options, what) -> None:
    with pytest.raises(UsageError, match=what):
        choose(facts, **options)


def test_quality_and_preset_reach_the_encoder(facts) -> None:
    assert dict(choose(facts, crf=31, preset="slow").options) == {"crf": "31", "preset": "slow"}
    options = dict(choose(facts, "a.webm", preset="3", crf=40).options)
    assert (options["cpu-used"], options["crf"], options["b"]) == ("3", "40", "0")
    assert dict(choose(facts, "a.mkv", codec="libsvtav1", preset="12").options)["preset"] == "12"


def test_processor_whose_x264_would_differ_from_run_to_run_is_noticed(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("model name : one\nflags : sse avx2 avx512f avx512bw\n\nflags : none\n")
    assert module._has_avx512(info)
    assert not module._has_avx512(tmp_path / "absent")
    (tmp_path / "older").write_text("flags : sse avx2\n")
    assert not module._has_avx512(tmp_path / "older")


def test_finer_colors_are_told_of_where_they_are_lost(facts, caplog) -> None:
    choose(replace(facts, pixel_format="yuv422p"))
    assert "the video is yuv422p, the painting is written as yuv420p" in caplog.text
    caplog.clear()
    choose(replace(facts, pixel_format="yuv422p"), pixel_format="yuv444p")
    assert caplog.messages == []


def test_rate_and_shape_of_pixels_reach_the_stream(facts, tmp_path: Path) -> None:
    shaped = replace(facts, aspect=Fraction(4, 3))
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        stream = choose(shaped).add_to(output, shaped, (48, 64))
        assert stream.codec_context.sample_aspect_ratio == Fraction(4, 3)
        assert stream.codec_context.time_base == facts.time_base

"""Animations: delays, plays and alpha come out as they went in, in every format."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nst_rt.errors import InputError, LimitError, OutputError
from nst_rt.video.animations import AnimationSink, AnimationSource
from nst_rt.video.frame_conversion import convert_frames
from nst_rt.video.frames import Frame
from nst_rt.video.selection import Selection
from nst_rt.video.trimmed import TrimmedSource
from tests.nst_rt.video.inverting import Inverting, Keeping

SUFFIXES = (".gif", ".webp", ".apng")
DELAYS = [100, 300, 50, 20, 1000]
ONCE, FOREVER = 1, 0


def images(alpha: bool) -> list[Image.Image]:
    """A square that moves, over nothing or over blue."""
    made = []
    for step in range(len(DELAYS)):
        pixels = np.zeros((40, 60, 4), np.uint8)
        pixels[...] = (0, 0, 0, 0) if alpha else (20, 40, 200, 255)
        pixels[10:30, 4 + 8 * step : 24 + 8 * step] = (230, 30 + 40 * step, 20, 255)
        made.append(Image.fromarray(pixels if alpha else pixels[..., :3]))
    return made


@pytest.fixture(params=SUFFIXES)
def animation(request, tmp_path: Path) -> Path:
    path = tmp_path / f"in{request.param}"
    first, *rest = images(alpha=True)
    lossless = {"lossless": True, "kmax": 1} if path.suffix == ".webp" else {}
    kind = {".apng": "PNG"}.get(path.suffix)
    first.save(
        path,
        kind,
        save_all=True,
        append_images=rest,
        duration=DELAYS,
        loop=3,
        disposal=2,
        **lossless,
    )
    return path


def frames(path: Path) -> list[Frame]:
    return list(AnimationSource(path))


def assert_close(frame: Frame, other: Frame, most: float) -> None:
    """The same alpha, and the same colours where something is seen."""
    ones = [np.full(f.rgb.shape[:2], 255) if f.alpha is None else f.alpha for f in (frame, other)]
    assert (ones[0] == ones[1]).all()
    seen = ones[0] > 0
    assert np.abs(frame.rgb[seen].astype(int) - other.rgb[seen]).mean() <= most


def test_delays_plays_and_alpha_are_read(animation) -> None:
    source = AnimationSource(animation)
    got = list(source)
    assert [1000 * frame.duration for frame in got] == DELAYS
    assert [1000 * frame.time for frame in got] == [0, 100, 400, 450, 470]
    assert (source.count, source.width, source.height) == (5, 60, 40)
    assert source.rate == Fraction(5000, sum(DELAYS))
    assert source.plays == (4 if animation.suffix == ".gif" else 3)
    for frame, image in zip(got, images(alpha=True), strict=True):
        expected = np.asarray(image)
        assert_close(
            frame, Frame(expected[..., :3], frame.time, frame.duration, expected[..., 3]), 0
        )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_delays_plays_and_alpha_go_into_every_format(animation, suffix, tmp_path: Path) -> None:
    target = tmp_path / f"out{suffix}"
    source = AnimationSource(animation)
    done = convert_frames(source, AnimationSink(target, source), Keeping())
    assert done.frames == 5
    got = AnimationSource(target)
    assert got.plays == source.plays
    for frame, other in zip(frames(animation), got, strict=True):
        assert (frame.time, frame.duration) == (other.time, other.duration)
        assert_close(frame, other, 6)  # WebP halves the colours at edges


def test_what_is_painted_is_what_is_seen(animation, tmp_path: Path) -> None:
    target = tmp_path / "out.apng"
    source = AnimationSource(animation)
    convert_frames(source, AnimationSink(target, source), Inverting())
    for frame, other in zip(frames(animation), frames(target), strict=True):
        assert_close(frame.painted(255 - frame.rgb), other, 0)


def test_a_stretch_of_an_animation_is_played_as_often(animation, tmp_path: Path) -> None:
    source = AnimationSource(animation)
    section = TrimmedSource(source, Selection(start=Fraction(1, 10), duration=Fraction(37, 100)))
    convert_frames(section, AnimationSink(tmp_path / "out.gif", section), Keeping())
    written = AnimationSource(tmp_path / "out.gif")
    assert written.plays == source.plays
    assert [1000 * frame.duration for frame in written] == DELAYS[1:4]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("plays", [ONCE, 2, FOREVER])
def test_number_of_plays_is_kept(suffix, plays, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    sink = AnimationSink(path, SimpleNamespace(plays=plays))
    for image in images(alpha=False)[:2]:
        sink.write(Frame(np.asarray(image), Fraction(0), Fraction(1, 10)))
    sink.finish()
    assert AnimationSource(path).plays == plays


@pytest.mark.parametrize(("suffix", "unit"), [(".gif", 100), (".webp", 1000), (".apng", 1000)])
def test_rounded_delays_do_not_drift(suffix, unit, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    sink = AnimationSink(path, SimpleNamespace(rate=Fraction(24)))
    noise = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3), np.uint8)
    for number, rgb in enumerate(noise):
        sink.write(Frame(rgb, Fraction(number, 24), Fraction(1, 24)))
    sink.finish()
    got = AnimationSource(path)
    assert got.plays == FOREVER
    for number, frame in enumerate(got):
        assert abs(frame.time - Fraction(number, 24)) <= Fraction(1, 2 * unit)
    assert sum(frame.duration for frame in frames(path)) == 2


def test_alpha_is_full_where_the_format_has_it_and_one_bit_in_gif(tmp_path: Path) -> None:
    alpha = np.tile(np.arange(0, 256, dtype=np.uint8), (8, 1))
    rgb = np.full((8, 256, 3), 90, np.uint8)
    for suffix in SUFFIXES:
        sink = AnimationSink(tmp_path / f"out{suffix}", SimpleNamespace(rate=None))
        for level in (0, 9):
            sink.write(Frame(rgb + np.uint8(level), Fraction(0), Fraction(1), alpha))
        sink.finish()
        for frame in frames(tmp_path / f"out{suffix}"):
            expected = 255 * (alpha >= 128) if suffix == ".gif" else alpha
            assert (frame.alpha == expected).all()


def test_every_frame_of_a_gif_has_its_own_colours(photo, tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    sink = AnimationSink(path, SimpleNamespace(rate=None))
    pictures = [photo, 255 - photo, np.roll(photo, 1, axis=2)]
    for rgb in pictures:
        sink.write(Frame(rgb, Fraction(0), Fraction(1, 10)))
    sink.finish()
    for rgb, frame in zip(pictures, AnimationSource(path), strict=True):
        assert np.abs(frame.rgb.astype(int) - rgb).mean() < 5


def test_delay_of_nothing_is_kept_and_counts_as_in_browsers(tmp_path: Path) -> None:
    path = tmp_path / "in.gif"
    first, *rest = images(alpha=False)
    first.save(path, save_all=True, append_images=rest, duration=[0, 10, 0, 10, 0])
    source = AnimationSource(path)
    assert [frame.time for frame in source] == [0, *(Fraction(n, 100) for n in (10, 11, 21, 22))]
    convert_frames(source, AnimationSink(tmp_path / "out.gif", source), Keeping())
    delays = [frame.duration for frame in frames(tmp_path / "out.gif")]
    assert delays == [0, Fraction(1, 100), 0, Fraction(1, 100), 0]


def test_gif_that_browsers_slow_down_is_told(tmp_path: Path, caplog) -> None:
    sink = AnimationSink(tmp_path / "out.gif", SimpleNamespace(rate=Fraction(60)))
    for image in images(alpha=False):
        sink.write(Frame(np.asarray(image), Fraction(0), Fraction(1, 60)))
    sink.finish()
    assert "out.gif: delays below 20 ms are shown as 100 ms by browsers" in caplog.text


def test_no_frame_and_one_frame(tmp_path: Path) -> None:
    sink = AnimationSink(tmp_path / "out.gif", SimpleNamespace(rate=None))
    with pytest.raises(OutputError, match="there is no frame to write"):
        sink.finish()
    sink.write(Frame(np.zeros((4, 4, 3), np.uint8), Fraction(0), Fraction(1, 2)))
    sink.finish()
    (frame,) = AnimationSource(tmp_path / "out.gif")
    assert frame.duration == Fraction(1, 2)


def test_what_is_cut_off_is_told_and_the_rest_kept(animation, caplog) -> None:
    whole = frames(animation)
    data = animation.read_bytes()
    animation.write_bytes(data[: int(0.7 * len(data))])
    if animation.suffix == ".webp":  # libwebp opens whole files alone
        with pytest.raises(InputError, match="truncated"):
            AnimationSource(animation)
        return
    got = frames(animation)
    assert 1 <= len(got) < len(whole)
    assert "the rest is dropped" in caplog.text
    for frame, other in zip(got, whole, strict=False):
        assert_close(frame, other, 0)


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    first, *rest = images(alpha=False)
    path = tmp_path / "in.gif"
    first.save(path, save_all=True, append_images=rest, duration=10)
    with pytest.raises(LimitError, match="60x40 is 2,400 pixels"):
        AnimationSource(path, max_pixels=2399)
    many = [Image.new("L", (60, 40), 40 * (n % 2)) for n in range(102)]
    many[0].save(path, save_all=True, append_images=many[1:], duration=10)
    with pytest.raises(LimitError, match="more than 100 frames of 60x40"):
        AnimationSource(path, max_pixels=2400)


def test_other_files_are_one_line(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "in.jpg")
    with pytest.raises(InputError, match="is JPEG, not an animation"):
        AnimationSource(tmp_path / "in.jpg")
    (tmp_path / "in.gif").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="not a picture"):
        AnimationSource(tmp_path / "in.gif")


def test_aborted_output_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "out.gif"
    target.write_bytes(b"old")
    sink = AnimationSink(target, SimpleNamespace(rate=None))
    sink.write(Frame(np.zeros((4, 4, 3), np.uint8), Fraction(0), Fraction(1)))
    sink.abort()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_solid_shape_over_nothing_keeps_its_alpha(suffix, tmp_path: Path) -> None:
    """libwebp cuts such frames down to the shape and says then that there is no alpha."""
    path = tmp_path / f"out{suffix}"
    sink = AnimationSink(path, SimpleNamespace(rate=None))
    made = [np.asarray(image) for image in images(alpha=True)[:2]]
    for pixels in made:
        sink.write(Frame(pixels[..., :3], Fraction(0), Fraction(1), pixels[..., 3]))
    sink.finish()
    for pixels, frame in zip(made, AnimationSource(path), strict=True):
        assert (frame.alpha == pixels[..., 3]).all()


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_damage_of_any_kind_is_one_line_or_fewer_frames(animation, data) -> None:
    damaged = bytearray(animation.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = animation.with_name(f"damaged{animation.suffix}")
    path.write_bytes(damaged[: data.draw(st.integers(20, len(damaged)))])
    message, count = "", 1
    try:
        count = len(list(AnimationSource(path, max_pixels=10**6)))
    except InputError as error:
        message = str(error)
    assert count >= 1
    assert "\n" not in message


@pytest.mark.parametrize(
    ("suffix", "longest"), [(".gif", 655), (".webp", 16_777), (".apng", 65_535)]
)
def test_frame_that_lasts_too_long_for_its_format_is_told(suffix, longest, tmp_path: Path) -> None:
    target = tmp_path / f"out{suffix}"
    pictures = [np.full((4, 4, 3), level, np.uint8) for level in (10, 90)]
    sink = AnimationSink(target, SimpleNamespace())
    for number, pixels in enumerate(pictures):
        sink.write(Frame(pixels, Fraction(number * longest), Fraction(longest)))
    sink.finish()
    assert [frame.duration for frame in frames(target)] == [longest, longest]
    with pytest.raises(
        OutputError, match=r"a frame lasts [\d,]+ s, .* holds [\d,]+ at most; write"
    ):
        sink.write(Frame(pictures[0], Fraction(0), Fraction(longest + 1)))

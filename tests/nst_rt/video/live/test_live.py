"""Painting as it comes: how late, how many, what is told, and how it ends."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nst_rt.errors import InputError, ModelError
from nst_rt.video.live import Live, LiveOptions

from .conftest import FakeStyles, Gallery, NumberedSource


def run(clock, source, *, cost=0.1, keys=None, told=None, report=None, patience=0.2, **options):
    """Paint for a while; cost is seconds a frame, or a function of the pixels."""
    options = {"size": 10_000, "fixed_size": True, **options}
    styles = FakeStyles(clock, cost if callable(cost) else lambda rgb: cost)
    gallery = Gallery(clock, keys, patience)
    live = Live(
        source,
        styles,
        gallery,
        LiveOptions(**options),
        notify=[].append if told is None else told.append,
        clock=clock,
        **({"report": report} if report else {}),
    )
    gallery.totals = live.run()
    gallery.styles = styles
    return gallery


@pytest.mark.parametrize(("rate", "cost"), [(60, 0.1), (60, 0.001), (10, 0.09), (10, 0.25)])
def test_no_frame_is_older_than_two_frame_times_of_the_slower(clock, rate, cost) -> None:
    gallery = run(clock, NumberedSource(clock, comes=rate), cost=cost, seconds=20)
    slower = max(1 / rate, cost)
    assert max(frame.age for frame in gallery.frames) <= 2 * slower + 1e-6
    assert len(gallery.frames) >= 0.85 * 20 / slower
    numbers = [frame.number for frame in gallery.frames]
    assert numbers == sorted(set(numbers))


def test_dropped_frames_are_counted_apart_from_those_shown(clock) -> None:
    source = NumberedSource(clock, comes=60)
    gallery = run(clock, source, cost=0.1, seconds=10)
    totals = gallery.totals
    assert totals["frames"] == len(gallery.frames) == pytest.approx(100, abs=2)
    assert totals["frames"] + totals["dropped"] == pytest.approx(source.number, abs=3)


def test_each_second_is_reported(clock) -> None:
    seconds = []
    run(
        clock, NumberedSource(clock, comes=50), cost=0.1, seconds=5.05,
        report=lambda second, state: seconds.append((second, state)),
    )  # fmt: skip
    assert len(seconds) == 5
    last, state = seconds[-1]
    assert last.fps == pytest.approx(10, abs=1)
    assert 100 <= last.latency_ms <= 200
    assert last.dropped == pytest.approx(40, abs=2)
    assert state.working_size == (8, 8)


def test_fps_is_a_limit(clock) -> None:
    gallery = run(clock, NumberedSource(clock, comes=60), cost=0.001, fps=5, seconds=10)
    assert len(gallery.frames) == pytest.approx(50, abs=2)
    assert max(frame.age for frame in gallery.frames) < 2 / 60


def test_source_that_ends_is_shown_to_its_last_frame(clock) -> None:
    gallery = run(clock, NumberedSource(clock, comes=10, count=7), cost=0.01)
    assert [frame.number for frame in gallery.frames] == [1, 2, 3, 4, 5, 6, 7]
    assert gallery.closed
    assert gallery.styles.closed


def test_limits_end_it(clock) -> None:
    assert len(run(clock, NumberedSource(clock), frames=3).frames) == 3
    gallery = run(clock, NumberedSource(clock), seconds=2)
    assert gallery.frames[-1].time <= 2.1


def test_too_slow_a_size_is_left_and_told(clock) -> None:
    told: list[str] = []
    gallery = run(
        clock, NumberedSource(clock, comes=20, size=(90, 160)), told=told, seconds=30,
        cost=lambda rgb: 1e-5 * rgb.shape[0] * rgb.shape[1], size=160, fixed_size=False,
    )  # fmt: skip
    # no step below 160 pixels exists: that is told once, and it goes on
    assert {frame.size for frame in gallery.frames} == {(90, 160)}
    assert told == ["painting takes 144 ms at 160 pixels, the smallest size: frames are dropped"]


def test_size_follows_the_machine(clock) -> None:
    told: list[str] = []
    busy = clock.now() + 30
    source = NumberedSource(clock, comes=20, size=(180, 320))

    def cost(rgb) -> float:
        return 0.04 * (rgb.shape[1] / 320) ** 2 * (2.0 if clock.now() < busy else 1.0)

    gallery = run(clock, source, told=told, seconds=60, cost=cost, size=320, fixed_size=False)
    sizes = [frame.size[1] for frame in gallery.frames]
    assert (sizes[0], sizes[len(sizes) // 3]) == (320, 256)
    assert len(told) == 1
    assert "painting at 256 pixels instead of 320" in told[0]


def test_rate_is_what_comes_and_not_what_the_source_says(clock) -> None:
    told: list[str] = []
    source = NumberedSource(clock, comes=10, says=1000, size=(180, 320))
    run(clock, source, cost=0.05, told=told, seconds=20, size=320, fixed_size=False)
    assert told == []


def test_keys_do_what_they_say(clock, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    keys = {1: "n", 1.1: "p", 1.2: "2", 1.3: "-", 2: "s", 2.5: "+", 3: "0", 4: "q"}
    gallery = run(clock, NumberedSource(clock, comes=10), cost=0.01, keys=keys, told=told)
    assert gallery.styles.wishes == ["+1", "-1", 1]
    assert gallery.styles.strengths[0] == 1.0
    assert 0.9 in gallery.styles.strengths
    assert gallery.frames[-1].time == pytest.approx(4, abs=0.2)
    [picture] = tmp_path.iterdir()
    assert picture.suffix == ".png"
    assert told == ["strength 0.9", f"saved {picture.name}", "strength 1.0"]


def test_screenshot_that_cannot_be_written_ends_nothing(clock, monkeypatch) -> None:
    monkeypatch.chdir("/proc")
    told: list[str] = []
    gallery = run(clock, NumberedSource(clock), keys={1: "s"}, told=told, seconds=2)
    assert "cannot be written" in told[0]
    assert gallery.frames[-1].time > 1.5


def test_pause_holds_the_picture(clock) -> None:
    gallery = run(
        clock, NumberedSource(clock, comes=10), cost=0.01, keys={2: " ", 5: " "}, seconds=8
    )
    times = [frame.time for frame in gallery.frames]
    assert max(after - before for before, after in pairwise(times)) == pytest.approx(3, abs=0.3)
    assert "paused" in gallery.notes
    assert max(frame.age for frame in gallery.frames) <= 0.2  # what waited is not shown later


def test_clock_of_the_wall_plays_no_part(clock, monkeypatch) -> None:
    def forbidden() -> float:
        raise AssertionError("the date may be set at any time")

    monkeypatch.setattr(time, "time", forbidden)
    monkeypatch.setattr(time, "localtime", forbidden)
    assert len(run(clock, NumberedSource(clock), seconds=3).frames) >= 25


def test_nothing_spins_where_nothing_comes(clock) -> None:
    source = NumberedSource(clock, comes=10, dark=[(1, 21)])
    before = clock.turns
    run(clock, source, patience=0.02, seconds=20)
    assert clock.turns - before < 20 * 60


def test_error_of_the_painter_arrives_and_all_is_freed(clock) -> None:
    def cost(rgb) -> float:
        raise ModelError("paints no more")

    source = NumberedSource(clock)
    with pytest.raises(ModelError, match="paints no more"):
        run(clock, source, cost=cost)
    assert source.closed
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nst-")]


def test_source_that_is_not_there_is_an_error_at_once(clock) -> None:
    source = NumberedSource(clock, dark=[(0, 1e9)])
    with pytest.raises(InputError, match="fake: nothing answers"):
        run(clock, source)
    assert source.opened == [0]


def test_lost_source_is_told_once_tried_again_and_found(clock) -> None:
    told: list[str] = []
    source = NumberedSource(clock, comes=10, dark=[(5, 20), (100, 100.8)])
    gallery = run(clock, source, cost=0.01, told=told, seconds=120)
    tries = [moment - 5 for moment in source.opened if 5 < moment < 60]
    assert tries == pytest.approx([1, 3, 7, 15], abs=0.2)
    assert told == [
        "fake: no frame for 2 s (nothing answers); trying again, the last frame stays",
        "fake: frames arrive again",
    ]
    assert any(5 < moment < 20 for moment in gallery.held)
    assert "no frames arrive" in gallery.notes
    assert gallery.frames[-1].time > 119


def test_tries_are_at_most_half_a_minute_apart_and_end(clock) -> None:
    source = NumberedSource(clock, comes=10, dark=[(5, 1e9)])
    with pytest.raises(InputError, match=r"fake: no frame for 200 s .*given up"):
        run(clock, source, cost=0.01, give_up=200)
    waits = [round(after - before) for before, after in pairwise([5, *source.opened[1:]])]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]


def test_source_that_just_falls_silent_is_lost_too(clock) -> None:
    told: list[str] = []
    source = NumberedSource(clock, comes=10, dark=[(5, 12)], hangs=True)
    gallery = run(clock, source, cost=0.01, told=told, seconds=20)
    assert told[0] == "fake: no frame for 2 s; trying again, the last frame stays"
    assert gallery.frames[-1].time > 19


def test_source_that_never_answers_does_not_hold_the_end_up(clock) -> None:
    source = NumberedSource(clock, dark=[(5, 1e9)], hangs=True)
    with pytest.raises(InputError, match="no more frames arrive"):
        run(clock, source, reconnect=False)
    assert source.time() < 8


def test_without_reconnect_a_lost_source_is_the_end(clock) -> None:
    source = NumberedSource(clock, comes=10, dark=[(5, 20)])
    with pytest.raises(InputError, match=r"fake: no more frames arrive \(unplugged\)"):
        run(clock, source, reconnect=False)
    assert len(source.opened) == 1


def test_saved_picture_is_the_painting(clock, tmp_path, monkeypatch) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    source = NumberedSource(clock, comes=10, size=(40, 60))
    run(clock, source, cost=0.01, keys={1: "s", 1.05: "s"}, seconds=2)
    first, second = sorted(Path().iterdir())
    assert first != second
    assert np.asarray(Image.open(first)).shape == (40, 60, 3)

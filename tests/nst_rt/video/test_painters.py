"""Styles on a time line, side by side, steady; and what a painter says of itself."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from nst_rt import Stylizer
from nst_rt.errors import UsageError
from nst_rt.video import (
    Encoding,
    Frame,
    Selection,
    SideBySidePainter,
    SteadyPainter,
    StylePainter,
    TimelinePainter,
    convert,
)
from nst_rt.video.timeline import painter_for, read_timeline


class Level:
    """Paints every frame in one gray; remembers how many there were."""

    def __init__(self, level: int, workers: int = 1) -> None:
        self.level, self.workers, self.count = level, workers, 0

    def paint(self, frame: Frame) -> Frame:
        self.count += 1
        return frame.painted(np.full_like(frame.rgb, self.level))

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def state(self) -> Any:
        return self.count

    def restore(self, state: Any) -> None:
        self.count = state

    def identity(self) -> dict[str, Any]:
        return {"level": self.level}


def frame(time: float = 0, size: tuple[int, int] = (4, 6)) -> Frame:
    return Frame(np.zeros((*size, 3), np.uint8), Fraction(time), Fraction(1, 25))


@pytest.mark.parametrize(
    ("time", "level"), [(-1, 0), (0, 0), (3.99, 0), (4, 0), (4.5, 50), (5, 100), (9, 100)]
)
def test_styles_change_on_the_time_line_and_fade_over_each_other(time: float, level: int) -> None:
    line = [(Fraction(0), Level(0)), (Fraction(4), Level(100))]
    painted = TimelinePainter(line, fade=Fraction(1)).paint(frame(time))
    assert np.abs(painted.rgb.astype(int) - level).max() <= 1
    assert painted.time == Fraction(time)


def test_without_a_fade_the_next_style_begins_at_its_time() -> None:
    painter = TimelinePainter([(Fraction(0), Level(0)), (Fraction(4), Level(100))])
    assert painter.paint(frame(4)).rgb.max() == 100


def test_side_by_side_is_as_wide_as_all_of_them() -> None:
    painter = SideBySidePainter([Level(10), Level(20, workers=3)])
    painted = painter.paint(frame()).rgb
    assert painted.shape[:2] == painter.output_size(4, 6) == (4, 12)
    assert (painted[:, :6] == 10).all()
    assert (painted[:, 6:] == 20).all()
    assert painter.workers == 1  # one of them goes by the frames before


def test_state_of_several_is_that_of_each() -> None:
    painters = [Level(0), Level(1)]
    painter = SideBySidePainter(painters)
    painter.paint(frame())
    state = json.loads(json.dumps(painter.state()))
    painter.paint(frame())
    painter.restore(state)
    assert [one.count for one in painters] == [1, 1]


def test_time_lines_are_read_and_refused_in_one_line() -> None:
    assert read_timeline("great-wave") == [(Fraction(0), "great-wave")]
    assert read_timeline("0:a, 2.5:b") == [(Fraction(0), "a"), (Fraction(5, 2), "b")]
    assert read_timeline("0:a,1:05:b")[1] == (Fraction(65), "b")
    for text in ("0:a,b", "a,b"):
        with pytest.raises(UsageError, match="has no time; a time line is 0:"):
            read_timeline(text)
    with pytest.raises(UsageError, match="do not rise"):
        read_timeline("0:a,2:b,2:c")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: TimelinePainter([]), "no painter is given"),
        (lambda: SideBySidePainter([]), "no painter is given"),
        (lambda: TimelinePainter([("0", Level(0))]), "the time of a painter is '0'; give seconds"),
        (lambda: TimelinePainter([(0, Level(0))], fade=-1), "fade is -1; give seconds, 0 or more"),
        (lambda: Selection(start="0:30"), "start is '0:30'; give seconds, 0 or more"),
        (lambda: Selection(duration=-1), "duration is -1"),
        (lambda: Selection(stream=-1), "stream is -1; give a whole number, 0 or more"),
        (lambda: Selection(hdr="keep"), "hdr is 'keep'; choose refuse, tonemap, passthrough"),
        (lambda: Encoding(crf="20"), "crf is '20'; give a whole number, 0 or more"),
        (lambda: convert(None, "o.mp4", Level(0)), "source is None, which no file is called"),
        (lambda: convert("i.mp4", "o.mp4", Level(0), part_seconds="9"), "part_seconds is '9'"),
    ],
)
def test_what_says_nothing_is_named(make, says) -> None:
    with pytest.raises(UsageError, match=says):
        make()


def test_style_that_comes_twice_is_opened_once() -> None:
    opened: list[str] = []

    def open_painter(name: str) -> Level:
        opened.append(name)
        return Level(len(opened))

    painter = painter_for("0:a,1:b,2:a", open_painter)
    assert opened == ["a", "b"]
    assert [painter.paint(frame(time)).rgb.max() for time in (0, 1, 2)] == [1, 2, 1]


def test_steady_painter_goes_on_as_if_it_had_never_stopped() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 64, 3)).astype(np.uint8)
    frames = [frame(index, (40, 64)).painted(np.roll(pixels, index, 1)) for index in range(4)]
    with Stylizer("starry-night", device="cpu") as stylizer:
        painter = SteadyPainter(stylizer, smoothing=0.9)
        painted = [painter.paint(one).rgb for one in frames[:2]]
        state = json.loads(json.dumps(painter.state()))
        painted += [painter.paint(one).rgb for one in frames[2:]]
        again = SteadyPainter(stylizer, smoothing=0.9)
        again.restore(state)
        resumed = [again.paint(one).rgb for one in frames[2:]]
    assert painter.workers == 1
    np.testing.assert_array_equal(resumed, painted[2:])


def test_identity_names_what_changes_a_painting() -> None:
    def identity(**options: Any) -> dict[str, Any]:
        with Stylizer("starry-night", device="cpu", **options) as stylizer:
            return StylePainter(stylizer).identity()

    plain = identity()
    assert identity() == plain == json.loads(json.dumps(plain))
    for other in ({"strength": 0.5}, {"keep_color": True}, {"size": 64}, {"threads": 1}):
        assert identity(**other) != plain

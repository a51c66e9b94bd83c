"""Changing the style of a stream that goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from nst_rt.errors import ModelError
from nst_rt.video.live import StyleChanger

FRAME = np.zeros((4, 6, 3), np.uint8)


class Studio:
    """Opens styles that paint one grey each; `gate` holds those back that are opened later."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.painted_at: list[tuple[str, tuple[int, ...]]] = []
        self.closed: list[str] = []
        self.told: list[str] = []

    def open(self, name: str) -> Callable:
        if name == "broken":
            raise ModelError("is broken", path="broken")
        assert self.gate.wait(10)
        self.closed = [closed for closed in self.closed if closed != name]
        studio = self

        class Style:
            info = SimpleNamespace(name=name)

            def __call__(self, rgb, **options):
                assert name not in studio.closed
                studio.painted_at.append((name, rgb.shape))
                return np.full_like(rgb, int(name))

            def close(self) -> None:
                studio.closed.append(name)

        return Style()

    def changer(self, *names: str) -> StyleChanger:
        return StyleChanger(names, self.open, self.told.append)


def paint(changer: StyleChanger) -> int:
    return int(changer.paint(FRAME, strength=1, keep_color=False)[0, 0, 0])


def settle(changer: StyleChanger) -> None:
    thread = changer._thread
    if thread:
        thread.join(10)


@pytest.fixture
def studio() -> Studio:
    return Studio()


def test_the_last_style_paints_until_the_next_is_ready(studio) -> None:
    changer = studio.changer("1", "2")
    studio.gate.clear()
    changer.step(1)
    assert [paint(changer) for _ in range(5)] == [1] * 5  # nothing stalls
    assert changer.opening == "2"
    studio.gate.set()
    settle(changer)
    assert paint(changer) == 2
    assert (changer.name, changer.opening) == ("2", "")
    assert studio.closed == ["1"]
    assert ("2", FRAME.shape) in studio.painted_at[:-1]  # warm before its first picture


def test_styles_go_around_and_have_numbers(studio) -> None:
    changer = studio.changer("1", "2", "3")
    seen = []
    for wish in (lambda: changer.step(-1), lambda: changer.step(1), lambda: changer.choose(1),
                 lambda: changer.choose(7)):  # fmt: skip
        wish()
        settle(changer)
        seen.append(paint(changer))
    assert seen == [3, 1, 2, 2]


def test_last_of_several_wishes_wins_and_nothing_is_left_open(studio) -> None:
    changer = studio.changer("1", "2", "3")
    studio.gate.clear()
    changer.step(1)
    changer.step(1)
    studio.gate.set()
    settle(changer)
    assert paint(changer) == 3
    changer.step(-1)
    settle(changer)
    changer.step(1)  # back before it ever painted
    settle(changer)
    assert paint(changer) == 3
    changer.close()
    assert sorted(set(studio.closed)) == ["1", "2", "3"]


def test_a_style_that_does_not_open_is_told_and_the_last_stays(studio) -> None:
    changer = studio.changer("1", "broken", "3")
    changer.step(1)
    settle(changer)
    assert paint(changer) == 1
    assert studio.told == ["broken: is broken; the style stays"]
    changer.step(1)
    settle(changer)
    assert studio.told[1:] == studio.told[:1]
    changer.choose(2)
    settle(changer)
    assert paint(changer) == 3


def test_first_style_has_to_open(studio) -> None:
    with pytest.raises(ModelError, match="is broken"):
        studio.changer("broken", "1")

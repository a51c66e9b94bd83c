"""The window, seen and pressed on a screen that is made for it; and where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from nst_rt.errors import ProviderError
from nst_rt.video.live import State
from nst_rt.video.live.screen import Screen
from nst_rt.video.live.window import open_display, with_state
from tests.display import Display, display

BUILD = "\n  GUI:                           {}\n    QT:                          YES\n"


@pytest.fixture(scope="module")
def screen() -> Iterator[Display]:
    with display() as server:
        yield server


def test_state_is_written_over_a_copy() -> None:
    rgb = np.full((360, 640, 3), (200, 30, 40), np.uint8)
    state = State(style="thin", fps=24.96, latency_ms=40.2, working_size=(360, 640))
    plain, noted = with_state(rgb, state), with_state(rgb, State(note="paused"))
    assert tuple(rgb[5, 5]) == (200, 30, 40)
    assert tuple(plain[300, 300]) == (40, 30, 200)  # as OpenCV has it
    assert plain[:30].max() == 255  # white letters
    assert np.count_nonzero((noted != (40, 30, 200)).all(2).any(1)) > np.count_nonzero(
        (plain != (40, 30, 200)).all(2).any(1)
    )  # a second line


def test_display_that_answers_is_fine(screen, monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", screen.name)
    open_display().close()


@pytest.mark.parametrize(
    ("toolkit", "environment", "why"),
    [
        ("QT5", {}, r"no screen here \(DISPLAY is not set\); .*--output FILE"),
        ("QT5", {"WAYLAND_DISPLAY": "wayland-0"}, "need X11 .*Xwayland"),
        ("QT5", {"DISPLAY": ":7654"}, "no display answers .*set DISPLAY"),
        ("NONE", {"DISPLAY": ":0"}, "headless build.*pip install --force-reinstall opencv-python"),
    ],
)
def test_where_no_window_can_be_is_told_in_one_line(monkeypatch, toolkit, environment, why) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: BUILD.format(toolkit))
    with pytest.raises(ProviderError, match=why) as caught:
        open_display()
    assert caught.value.exit_code == 5
    assert "\n" not in str(caught.value)
    assert "--output virtual-camera" in str(caught.value)


def test_absent_opencv_is_told_with_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ProviderError, match=r'pip install "nst-rt\[live\]"'):
        open_display()


def test_screen_is_a_source(screen, monkeypatch, clock) -> None:
    monkeypatch.setenv("DISPLAY", screen.name)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    source = Screen(1, clock, 10)
    source.open()
    moments = []
    for _ in range(3):
        rgb, time = source.read()
        moments.append(clock.now())
        assert (rgb.shape, time) == ((480, 640, 3), None)
    assert moments[2] - moments[0] == pytest.approx(0.2)
    source.close()
    with pytest.raises(ValueError, match="screen 9: does not exist; choose screen or screen:1"):
        Screen(9, clock).open()


def test_no_screen_is_no_source(monkeypatch, clock) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(ProviderError, match="no display answers"):
        Screen(0, clock).open()

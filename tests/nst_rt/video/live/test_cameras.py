"""Webcams, as OpenCV gives them: with a camera that is made of paper."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nst_rt.errors import InputError
from nst_rt.video.live.cameras import Camera


class Paper:
    """Stands in for `cv2.VideoCapture`."""

    def __init__(self, device, system) -> None:
        self.device, self.system = device, system
        self.asked: dict[int, float] = {}
        self.here = True
        self.released = False
        made.append(self)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.device != 9

    def set(self, what, value) -> bool:
        self.asked[what] = value
        return True

    def get(self, what) -> float:
        return 30.0 if what == cv2.CAP_PROP_FPS else 0.0

    def read(self):
        return (True, np.full((4, 6, 3), (40, 30, 200), np.uint8)) if self.here else (False, None)

    def release(self) -> None:
        self.released = True


made: list[Paper] = []


@pytest.fixture(autouse=True)
def paper(monkeypatch) -> None:
    made.clear()
    monkeypatch.setattr(cv2, "VideoCapture", Paper)


def test_frames_are_rgb_and_come_as_they_are() -> None:
    camera = Camera(0)
    camera.open()
    rgb, time = camera.read()
    assert tuple(rgb[0, 0]) == (200, 30, 40)
    assert time is None
    assert camera.rate == 30
    camera.close()
    assert made[0].released


def test_camera_is_asked_for_what_is_wanted() -> None:
    Camera("/dev/video3", size=(720, 1280), fps=60).open()
    assert made[0].device == "/dev/video3"
    asked = made[0].asked
    assert (asked[cv2.CAP_PROP_FRAME_HEIGHT], asked[cv2.CAP_PROP_FRAME_WIDTH]) == (720, 1280)
    assert asked[cv2.CAP_PROP_FPS] == 60
    assert asked[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")


def test_camera_that_is_not_there_is_told_with_a_way_out() -> None:
    with pytest.raises(InputError, match=r"camera 9: cannot be opened; .*camera"):
        Camera(9).open()
    assert made[0].released


def test_camera_that_is_unplugged_is_lost() -> None:
    camera = Camera(0)
    camera.open()
    made[0].here = False
    with pytest.raises(InputError, match="no frame"):
        camera.read()

"""What a virtual camera is sent: through pyvirtualcam itself, into a driver that only listens."""

from __future__ import annotations

import sys
from typing import ClassVar

import numpy as np
import pytest
import pyvirtualcam
from pyvirtualcam.util import decode_fourcc

from nst_rt.errors import ProviderError
from nst_rt.video.live import PaintedFrame, State
from nst_rt.video.live.virtual_camera import VirtualCamera

STATE = State()


class Driver:
    """Keeps what it is sent."""

    made: ClassVar[list[Driver]] = []

    def __init__(self, *, width, height, fps, fourcc, device) -> None:
        self.size, self.fps = (height, width), fps
        self.format = pyvirtualcam.PixelFormat(decode_fourcc(fourcc))
        self.sent: list[np.ndarray] = []
        self.closed = False
        self.made.append(self)

    def send(self, frame) -> None:
        self.sent.append(frame.reshape(*self.size, 3).copy())

    def close(self) -> None:
        self.closed = True

    def device(self) -> str:
        return "/dev/video42"

    def native_fourcc(self):
        return None


@pytest.fixture
def driver(monkeypatch) -> type[Driver]:
    Driver.made = []
    monkeypatch.setattr("pyvirtualcam.camera.BACKENDS", {"test": Driver})
    return Driver


def shown(size: tuple[int, int], color=(200, 30, 40)) -> PaintedFrame:
    return PaintedFrame(np.full((*size, 3), color, np.uint8), 0.0, size)


def test_frames_arrive_as_rgb_at_the_size_of_the_first(driver) -> None:
    camera = VirtualCamera(25)
    camera.show(shown((90, 160)), STATE)
    [made] = driver.made
    assert (made.size, made.fps) == ((90, 160), 25)
    assert made.format is pyvirtualcam.PixelFormat.RGB
    assert (made.sent[0] == (200, 30, 40)).all()
    camera.close()
    assert made.closed
    camera.close()


def test_frames_of_another_size_get_bars(driver) -> None:
    camera = VirtualCamera(25)
    camera.show(shown((90, 160)), STATE)
    camera.show(shown((90, 90)), STATE)
    made = driver.made[0]
    assert made.sent[1].shape == (90, 160, 3)
    assert not made.sent[1][:, :34].any()
    assert tuple(made.sent[1][45, 80]) == (200, 30, 40)
    camera.close()


def test_a_painting_at_working_size_is_enlarged(driver) -> None:
    camera = VirtualCamera(25)
    camera.show(PaintedFrame(np.full((45, 80, 3), 9, np.uint8), 0.0, (91, 161)), STATE)
    assert driver.made[0].size == (90, 160)
    assert (driver.made[0].sent[0] == 9).all()
    camera.close()


def test_the_last_frame_is_held(driver) -> None:
    camera = VirtualCamera(25)
    camera.hold(STATE, 0.0)
    camera.show(shown((90, 160)), STATE)
    camera.hold(STATE, 0.1)
    camera.hold(STATE, 0.2)
    assert len(driver.made[0].sent) == 3
    assert camera.patience == 0.04
    camera.close()


def test_absent_driver_is_told_with_the_commands_that_install_it(monkeypatch) -> None:
    def absent(**options):
        raise RuntimeError("No v4l2 loopback device found at /dev/video[0-99].")

    monkeypatch.setattr("pyvirtualcam.camera.BACKENDS", {"v4l2loopback": absent})
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(ProviderError) as caught:
        VirtualCamera(25).show(shown((90, 160)), STATE)
    line = str(caught.value)
    assert "sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback" in line
    assert "\n" not in line
    assert caught.value.exit_code == 5
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ProviderError, match="OBS"):
        VirtualCamera(25).show(shown((90, 160)), STATE)


def test_absent_package_is_told_with_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(ProviderError, match=r'pip install "nst-rt\[virtual-camera\]"'):
        VirtualCamera(25)

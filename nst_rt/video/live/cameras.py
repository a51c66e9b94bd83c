"""Webcams, read with OpenCV."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nst_rt.errors import InputError
from nst_rt.pixels import Pixels
from nst_rt.video.live.capture import Shot
from nst_rt.video.opencv import opencv


class Camera:
    """A webcam.

    Args:
        device: its number or, on Linux, `/dev/videoN`.
        size: height and width to request; the camera chooses the nearest that it has.
        fps: frames per second to request.
    """

    def __init__(
        self,
        device: int | str,
        *,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
    ) -> None:
        self._device, self._size, self._fps = device, size, fps
        self.name = device if isinstance(device, str) else f"camera {device}"
        self.rate: float | None = None
        self._capture: Any = None

    def open(self) -> None:
        cv2 = opencv()
        system = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._capture = cv2.VideoCapture(self._device, system)
        if not self._capture.isOpened():
            self._capture.release()
            raise InputError("cannot be opened", path=self.name, cure=_cure())
        self._request(cv2)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 0 < rate < 1000 else None

    def read(self) -> Shot:
        found, bgr = self._capture.read()
        if not found:
            raise InputError("the camera returns no frame")
        rgb: Pixels = opencv().cvtColor(bgr, opencv().COLOR_BGR2RGB)
        return rgb, None

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()

    def _request(self, cv2: Any) -> None:
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a queue of old frames adds delay
        if self._size:
            # uncompressed, USB carries only a few large pictures per second
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[1])
        if self._fps:
            self._capture.set(cv2.CAP_PROP_FPS, self._fps)


def _cure() -> str:
    """Return the cure for a camera that does not open, with the cameras of this machine."""
    if sys.platform != "linux":
        return "close other programs that use it, or try another number"
    here = sorted(path.name for path in Path("/dev").glob("video*"))
    if not here:
        return "there is no camera; plug one in, or pass it to the container"
    names = ", ".join(f"/dev/{name}" for name in here)
    return f"close other programs that use it, or choose one of {names}"

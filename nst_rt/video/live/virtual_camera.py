"""A virtual camera, which video calls and browsers see as a webcam."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import MissingExtraError, ProviderError
from nst_rt.video.live.framing import fitted
from nst_rt.video.live.sinks import LiveSink, PaintedFrame, State

_INSTALL = {
    "linux": "sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback devices=1 "
    "exclusive_caps=1 card_label=nst-rt",
    "darwin": "brew install --cask obs, then start and stop its virtual camera once",
    "win32": "winget install OBSProject.OBSStudio, then start and stop its virtual camera once",
}


class VirtualCamera(LiveSink):
    """Sends frames to a virtual camera at the size of the first; other proportions get bars.

    Args:
        rate: frames per second announced to programs; the last frame repeats if none arrives.
        device: which camera; by default the first free one.

    Raises:
        MissingExtraError: pyvirtualcam is not installed.
    """

    def __init__(self, rate: float, device: str | None = None) -> None:
        self.patience = 1 / rate
        self._rate, self._device = rate, device
        self._module = _pyvirtualcam()
        self._camera: Any = None
        self._frame: NDArray[np.uint8] | None = None

    def show(self, frame: PaintedFrame, state: State) -> None:
        if self._camera is None:
            self._open(*frame.size)
        self._frame = np.ascontiguousarray(
            fitted(frame.rgb, self._camera.height, self._camera.width)
        )
        self._camera.send(self._frame)

    def hold(self, state: State, now: float) -> None:
        if self._frame is not None:
            self._camera.send(self._frame)

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _open(self, height: int, width: int) -> None:
        even = (max(2, height - height % 2), max(2, width - width % 2))  # its chroma is 4:2:0
        try:
            self._camera = self._module.Camera(
                even[1], even[0], self._rate, fmt=self._module.PixelFormat.RGB, device=self._device
            )
        except RuntimeError as error:
            why = " ".join(str(error).split())
            raise ProviderError(
                f"there is no virtual camera to send to ({why})",
                cure=_INSTALL.get(sys.platform, "install one"),
            ) from error


def _pyvirtualcam() -> Any:
    try:
        import pyvirtualcam
    except ImportError as error:
        raise MissingExtraError(
            f"the virtual camera needs pyvirtualcam ({error})",
            cure='pip install "nst-rt[virtual-camera]"',
        ) from error
    return pyvirtualcam

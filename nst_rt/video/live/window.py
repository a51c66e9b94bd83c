"""The window of live video, its keys, and the text over the picture."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ProviderError
from nst_rt.video.live.framing import fitted
from nst_rt.video.live.screen import open_screens
from nst_rt.video.live.sinks import LiveSink, PaintedFrame, State
from nst_rt.video.opencv import opencv

TITLE = "nst-rt live"
_LARGEST = 1280
"""Largest long side in pixels of a new window; the user can resize it."""
_SETTLING_MS = 100
"""Milliseconds in which the toolkit draws a new window."""
_INSTEAD = "or use another sink (--output FILE, --output virtual-camera)"


class Window(LiveSink):
    """Shows frames with their rate and age; `q`, Escape or the window's close button end it.

    The thread that creates it must be the one that uses it, on macOS the main thread.

    Raises:
        MissingExtraError: OpenCV is not installed.
        ProviderError: no window can be opened here.
    """

    patience = 0.02

    def __init__(self) -> None:
        # kept open: an X server resets when its last client leaves, which would fail Qt
        self._connection = open_display()
        self._open = False
        self._frame: NDArray[np.uint8] | None = None
        self._drawn: State | None = None

    def open(self) -> None:
        """Open the window while nothing is painted yet, since Qt's events must be handled at once.

        If other work delays them while a window appears, Qt may never draw into that window.
        """
        cv2 = opencv()
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.waitKey(_SETTLING_MS)
        self._open = True

    def show(self, frame: PaintedFrame, state: State) -> None:
        if self._frame is None:
            height, width = frame.size
            scale = min(1.0, _LARGEST / max(height, width))
            opencv().resizeWindow(TITLE, round(width * scale), round(height * scale))
        self._frame = fitted(frame.rgb, *frame.size)
        self._draw(state)

    def hold(self, state: State, now: float) -> None:
        if self._frame is not None and state != self._drawn:
            self._draw(state)

    def pressed(self) -> list[str]:
        if not self._open:
            return []
        cv2 = opencv()
        keys = []
        while (code := cv2.pollKey()) != -1:
            keys.append(chr(code & 0xFF))
        try:
            visible = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt closes everything with its last window
            visible = False
        return keys if visible else [*keys, "q"]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._open:
            self._open = False
            cv2 = opencv()
            with suppress(cv2.error):  # it was closed with its button
                cv2.destroyWindow(TITLE)
                cv2.pollKey()  # processes the event, so that it closes

    def _draw(self, state: State) -> None:
        if self._frame is None:
            return
        opencv().imshow(TITLE, with_state(self._frame, state))
        self._drawn = state


def with_state(rgb: NDArray[np.uint8], state: State) -> NDArray[np.uint8]:
    """Return a copy in BGR, as OpenCV shows it, with the stream's state in its corner."""
    cv2 = opencv()
    height, width = state.working_size
    lines = [f"{state.fps:.1f} fps  {state.latency_ms:.0f} ms  {width}x{height}  {state.style}"]
    if state.note:
        lines.append(state.note)
    frame: NDArray[np.uint8] = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    scale = max(0.4, frame.shape[0] / 1000)
    bottom = 0
    for line in lines:
        bottom = _write(cv2, frame, line, bottom, scale)
    return frame


def _write(cv2: Any, frame: NDArray[np.uint8], line: str, top: int, scale: float) -> int:
    """Write a line below row `top` on a darkened background and return the row where it ends."""
    text, font, margin = line.encode("ascii", "replace").decode(), cv2.FONT_HERSHEY_SIMPLEX, 6
    (width, height), below = cv2.getTextSize(text, font, scale, 1)
    bottom: int = top + height + below + margin
    frame[top:bottom, : width + 2 * margin] //= 3
    place = (margin, bottom - below - margin // 2)
    cv2.putText(frame, text, place, font, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return bottom


def open_display() -> Any:
    """Check that a window can be opened: if not, Qt would abort the process.

    Returns:
        A connection to the display, to be closed; None if none is needed.

    Raises:
        MissingExtraError: OpenCV is not installed.
        ProviderError: there is no display, or OpenCV is built without windows.
    """
    cv2 = opencv()
    toolkit = _toolkit(cv2.getBuildInformation())
    if toolkit == "NONE":
        raise ProviderError(
            "this OpenCV has no windows (it is a headless build)",
            cure=f"pip uninstall opencv-python-headless, then pip install --force-reinstall "
            f"opencv-python; {_INSTEAD}",
        )
    if sys.platform != "linux":
        return None
    if not os.environ.get("DISPLAY"):
        wayland = toolkit.startswith("QT") and os.environ.get("WAYLAND_DISPLAY")
        if wayland:
            raise ProviderError(
                "OpenCV's windows need X11 and DISPLAY is not set",
                cure=f"start Xwayland, {_INSTEAD}",
            )
        if not os.environ.get("WAYLAND_DISPLAY"):
            raise ProviderError(
                "there is no screen here (DISPLAY is not set)",
                cure=f"log in at one, {_INSTEAD}",
            )
        return None
    try:
        return open_screens()
    except ProviderError as error:
        raise ProviderError(f"no window: {error.what}", cure=f"set DISPLAY, {_INSTEAD}") from error


def _toolkit(build: str) -> str:
    """Return OpenCV's name of its window toolkit: QT5, GTK3, COCOA, …, or NONE."""
    for line in build.splitlines():
        name, colon, value = line.strip().partition(":")
        if name == "GUI" and colon:
            return value.strip().upper() or "NONE"
    return "NONE"

"""The computer's own screen as a live source."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np

from nst_rt.errors import InputError, MissingExtraError, ProviderError
from nst_rt.pixels import Pixels
from nst_rt.video.live.capture import Shot
from nst_rt.video.live.pacing import Clock, Pace
from nst_rt.video.opencv import opencv

logger = logging.getLogger(__name__)

RATE = 30.0
"""Default number of pictures per second."""


def open_screens() -> Any:
    """Open a connection to the screens, which only one thread may use.

    Raises:
        MissingExtraError: mss is not installed.
        ProviderError: no display answers.
    """
    try:
        from mss import MSS
        from mss.exception import ScreenShotError
    except ImportError as error:
        raise MissingExtraError(
            f"the screen needs mss ({error})", cure='pip install "nst-rt[live]"'
        ) from error
    try:
        return MSS()
    except (ScreenShotError, OSError) as error:
        raise ProviderError(f"no display answers ({_first_line(error)})") from error


class Screen:
    """All screens, or one of them.

    Args:
        number: 0 for all as one picture, 1 for the first.
        clock: the clock that paces the pictures.
        rate: pictures per second.
    """

    def __init__(self, number: int, clock: Clock, rate: float | None = None) -> None:
        self._number, self._clock = number, clock
        self.name = f"screen {number}" if number else "screen"
        self.rate: float | None = rate or RATE
        self._pace = Pace(self.rate or RATE)
        self._pacing = clock.condition()
        self._screens: Any = None

    def open(self) -> None:
        self._screens = open_screens()
        count = len(self._screens.monitors) - 1
        if self._number > count:
            self.close()
            raise InputError(
                "does not exist",
                path=self.name,
                cure=f"choose screen or screen:1 to screen:{count}",
            )
        if os.environ.get("WAYLAND_DISPLAY"):
            logger.warning(
                "Wayland hides other programs' windows: they may be missing or black; log in with "
                "an X11 session to see them"
            )

    def read(self) -> Shot:
        with self._pacing:
            self._clock.wait_for(self._pacing, lambda: False, self._pace.wait(self._clock.now()))
        from mss.exception import ScreenShotError

        try:
            shot = self._screens.grab(self._screens.monitors[self._number])
        except ScreenShotError as error:
            raise InputError(f"it cannot be captured ({_first_line(error)})") from error
        bgra = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
        rgb: Pixels = opencv().cvtColor(bgra, opencv().COLOR_BGRA2RGB)
        return rgb, None

    def close(self) -> None:
        if self._screens is not None:
            self._screens.close()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

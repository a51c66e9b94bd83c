"""Changing the style while a stream is painted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nst_rt.stylizer import Stylizer
from nst_rt.video.live.pacing import Notify

_CLOSING_S = 1.0
"""Seconds that `close` waits for an engine that is still being opened."""


class StyleChanger:
    """Paints in one of several styles; opens the next in a thread while the current one paints.

    Args:
        names: names of styles or model files; the first is opened now.
        open_style: opens one of them.
        notify: called with a line about each style that does not open.

    Raises:
        NstError: the first does not open.
    """

    def __init__(
        self, names: Sequence[str], open_style: Callable[[str], Stylizer], notify: Notify
    ) -> None:
        self._names, self._open_style, self._notify = names, open_style, notify
        self._lock = threading.Lock()
        self._index = self._chosen = 0
        self._shape: tuple[int, ...] = ()
        self._ready: tuple[int, Stylizer] | None = None
        self._opening = self._closed = False
        self._thread: threading.Thread | None = None
        self._stylizer = open_style(names[0])

    @property
    def name(self) -> str:
        """Name of the current style."""
        return self._stylizer.info.name

    @property
    def opening(self) -> str:
        """Name of the style that is being opened, empty if none is."""
        return self._names[self._chosen] if self._opening else ""

    def paint(
        self, rgb: NDArray[np.uint8], *, strength: float, keep_color: bool
    ) -> NDArray[np.uint8]:
        """Paint uint8 H×W×3 at its own size, in the newest style that is ready.

        Only one thread may call it at a time.
        """
        self._shape = rgb.shape
        with self._lock:
            ready, self._ready = self._ready, None
        if ready:
            before = self._stylizer
            self._index, self._stylizer = ready
            before.close()
        return self._stylizer(rgb, size="full", strength=strength, keep_color=keep_color)

    def step(self, count: int) -> None:
        """Choose the style `count` places further on, wrapping around at the end."""
        self.choose((self._chosen + count) % len(self._names))

    def choose(self, index: int) -> None:
        """Choose a style by its index; one that does not exist is ignored."""
        if not index < len(self._names):
            return
        with self._lock:
            self._chosen = index
            if not self._opening:
                self._opening = True
                self._thread = threading.Thread(
                    target=self._open_chosen, name="nst-style", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Close all engines."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread:
            thread.join(_CLOSING_S)
        self._replace_ready(None)
        self._stylizer.close()

    def _open_chosen(self) -> None:
        """Open the chosen style, then any style chosen meanwhile."""
        while True:
            with self._lock:
                chosen = self._chosen
                latest = self._ready[0] if self._ready else self._index
                if chosen == latest or self._closed:
                    self._opening = False
                    return
            if chosen == self._index:  # the current style again: drop what was to replace it
                self._replace_ready(None)
                continue
            try:
                self._replace_ready((chosen, self._open_warm(self._names[chosen])))
            except Exception as error:
                self._notify(f"{error}; the style stays")
                with self._lock:
                    if self._chosen == chosen:
                        self._chosen = latest

    def _replace_ready(self, ready: tuple[int, Stylizer] | None) -> None:
        with self._lock:
            before, self._ready = self._ready, ready
        if before:
            before[1].close()

    def _open_warm(self, name: str) -> Stylizer:
        """Open a style and paint one picture, since the first painting is the slow one."""
        stylizer = self._open_style(name)
        if self._shape:
            stylizer(np.zeros(self._shape, np.uint8), size="full")
        return stylizer

"""A screen of their own for programs with windows: Xvfb, with a hand on its keyboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mss import MSS
from numpy.typing import NDArray


@dataclass(frozen=True)
class Display:
    """An X server without a screen; `name` is what DISPLAY has to be."""

    name: str

    def picture(self) -> NDArray[np.uint8]:
        """What can be seen, uint8 H×W×3 RGB."""
        with MSS(display=self.name) as screens:
            shot = screens.grab(screens.monitors[0])
            bgra = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
            return bgra[..., 2::-1].copy()

    def is_lit(self) -> bool:
        """Whether anything can be seen, now or in a few seconds."""
        patience = time.monotonic() + 3
        while not self.picture().any():
            if time.monotonic() > patience:
                return False
            time.sleep(0.02)
        return True

    def press(self, title: str, key: str) -> None:
        """Press and release a key (X's name for it) in the window of that title."""
        from Xlib import XK, X
        from Xlib.ext import xtest

        with self._window(title) as (connection, window):
            window.set_input_focus(X.RevertToParent, X.CurrentTime)
            code = connection.keysym_to_keycode(XK.string_to_keysym(key))
            for event in (X.KeyPress, X.KeyRelease):
                xtest.fake_input(connection, event, code)

    def close(self, title: str) -> None:
        """Ask the window of that title to close, as its button does."""
        from Xlib.protocol.event import ClientMessage

        with self._window(title) as (connection, window):
            protocols, delete = (
                connection.get_atom(name) for name in ("WM_PROTOCOLS", "WM_DELETE_WINDOW")
            )
            window.send_event(
                ClientMessage(window=window, client_type=protocols, data=(32, [delete, 0, 0, 0, 0]))
            )

    @contextmanager
    def _window(self, title: str) -> Iterator[tuple[Any, Any]]:
        from Xlib.display import Display as Connection

        connection = Connection(self.name)
        try:
            for window in connection.screen().root.query_tree().children:
                if title in (window.get_wm_name() or ""):
                    yield connection, window
                    connection.sync()
                    return
            raise LookupError(f"no window is called {title!r}")
        finally:
            connection.close()


@contextmanager
def display() -> Iterator[Display]:
    """Start an X server and stop it at the end."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("windows are tested on a screen of their own: apt-get install xvfb")
    ours, its = os.pipe()
    server = subprocess.Popen(
        [
            program,
            "-displayfd",
            str(its),
            "-screen",
            "0",
            "640x480x24",
            "-noreset",
            "-nolisten",
            "tcp",
        ],
        pass_fds=[its],
        stderr=subprocess.DEVNULL,
    )
    os.close(its)
    try:
        with os.fdopen(ours) as number:
            yield Display(f":{number.readline().strip()}")
    finally:
        server.terminate()
        server.wait(10)

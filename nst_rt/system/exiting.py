"""Python's exit while daemon threads paint: they leave their engines before it ends them.

Python ends a daemon thread as soon as it wants to go on. Inside of an engine's C++ that aborts the
whole process.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from time import monotonic, sleep

from nst_rt.system.cancellation import CancelToken, cancelled_by, current_token

_PATIENCE_S, _PAUSE_S = 10.0, 0.005
"""How long the exit waits for a picture that is not cancelled, and how long between two looks."""


@contextmanager
def left_before_exit() -> Iterator[None]:
    """While entered, Python's exit waits; it cancels what a daemon thread does here.

    Raises:
        SystemExit: Python exits, and with it this daemon thread, without a word.
    """
    thread, token = threading.current_thread(), current_token()
    entry = thread, token
    _inside.append(entry)
    try:
        _end_if_exiting(thread)
        with cancelled_by(token):
            yield
    except CancelledError:
        _end_if_exiting(thread)
        raise
    finally:
        _inside.remove(entry)


def _end_if_exiting(thread: threading.Thread) -> None:
    if _exiting and thread.daemon:
        if not isinstance(thread, threading._DummyThread):  # started by Python, so its end is seen
            _ending.add(thread)
        raise SystemExit


def _wait_for_daemons() -> None:
    global _exiting
    _exiting = True
    end = monotonic() + _PATIENCE_S
    while left := [token for thread, token in tuple(_inside) if thread.daemon]:
        for token in left:
            token.cancel()
        if monotonic() > end:
            return
        sleep(_PAUSE_S)
    # with a thread its engines' objects end, which lasts longer than its picture
    while any(thread.is_alive() for thread in tuple(_ending)) and monotonic() < end:
        sleep(_PAUSE_S)


_exiting = False
_inside: list[tuple[threading.Thread, CancelToken]] = []
_ending: set[threading.Thread] = set()
atexit.register(_wait_for_daemons)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inside.clear)  # those threads are not in the child

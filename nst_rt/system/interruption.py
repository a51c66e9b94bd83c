"""Handlers of the signals by which a person or the system ends a program."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn


def end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """End the process in silence, with the signal's exit code, where nothing needs a clean-up."""
    os._exit(128 + number)


def handle_signals(handler: Callable[[int, FrameType | None], object]) -> dict[int, Any]:
    """Install a handler for SIGINT, SIGTERM and SIGHUP; return the handlers that they had.

    Signals that are ignored, or that a program around us handles, keep their handlers.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler, end_at_once)
    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in usual:
            before[number] = signal.signal(number, handler)
    return before

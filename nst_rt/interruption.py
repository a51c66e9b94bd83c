"""Signals by which a person or a system ends a program: who handles them, and the plainest way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn


def end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """Handle a signal where nothing is to be cleaned up: end in silence, with the signal's code."""
    os._exit(128 + number)


def handle_signals(handler: Callable[[int, FrameType | None], object]) -> dict[int, Any]:
    """Let a handler have SIGINT, SIGTERM and SIGHUP; gives those that had them.

    What is ignored stays ignored, and what a program around us handles stays with it.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler, end_at_once)
    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in usual:
            before[number] = signal.signal(number, handler)
    return before

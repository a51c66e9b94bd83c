"""The monotonic clock of live video, and turns at a constant rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

Notify = Callable[[str], None]
"""A callback that takes one line of text for the user."""


class Clock:
    """Measures time and waits, independently of the computer's date and its changes."""

    def now(self) -> float:
        """Return the seconds since some moment in the past."""
        return time.monotonic()

    def condition(self) -> threading.Condition:
        """Return a condition for `wait_for`."""
        return threading.Condition()

    def wait_for(
        self,
        condition: threading.Condition,
        predicate: Callable[[], bool],
        timeout: float | None = None,
    ) -> bool:
        """Wait, with `condition` held, until it is notified and `predicate` holds.

        Returns:
            Whether it holds; False after `timeout` seconds if it does not.
        """
        return condition.wait_for(predicate, timeout)

    def join(self, thread: threading.Thread, timeout: float | None = None) -> None:
        """Wait until a thread ends, if it was started."""
        if thread.ident is not None:
            thread.join(timeout)


class Pace:
    """Turns at a constant rate: an early caller waits, one late by more than a turn restarts.

    Args:
        rate: turns per second.
    """

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._due: float | None = None

    def wait(self, now: float) -> float:
        """Take the next turn and return the seconds from `now` until it begins."""
        due = now if self._due is None else self._due + self._interval
        if now - due > self._interval:
            due = now
        self._due = due
        return max(0.0, due - now)

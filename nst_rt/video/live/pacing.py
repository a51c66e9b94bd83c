"""The clock of live video: seconds that never go back, and turns that come at a rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

Tell = Callable[[str], None]
"""Takes a line for whoever watches."""


class Clock:
    """Tells the time and waits by it. The computer's date plays no part, whoever sets it."""

    def now(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()

    def condition(self) -> threading.Condition:
        """A condition to be waited for with `wait_for`."""
        return threading.Condition()

    def wait_for(
        self,
        condition: threading.Condition,
        predicate: Callable[[], bool],
        timeout: float | None = None,
    ) -> bool:
        """Wait, with `condition` held, until it is notified and `predicate` holds.

        Returns:
            Whether it holds; False after `timeout` seconds without.
        """
        return condition.wait_for(predicate, timeout)

    def join(self, thread: threading.Thread, timeout: float | None = None) -> None:
        """Wait for the end of a thread, if it was started."""
        if thread.ident is not None:
            thread.join(timeout)


class Pace:
    """Turns at a rate: who is early waits, who is late by more than a turn starts anew.

    Args:
        rate: turns a second.
    """

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._due: float | None = None

    def wait(self, now: float) -> float:
        """Take the next turn; the seconds from `now` until it begins."""
        due = now if self._due is None else self._due + self._interval
        if now - due > self._interval:
            due = now
        self._due = due
        return max(0.0, due - now)

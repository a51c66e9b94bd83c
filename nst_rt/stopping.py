"""Work that another thread may stop: whoever works asks for it, or is called when it is wanted.

The wish reaches an engine through a context variable, since layers lie between that have no other
use for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar


class Stop:
    """The wish that some work ends, which any thread may `ask` for, once and for all."""

    def __init__(self) -> None:
        self.asked = False
        self._lock = threading.RLock()  # a signal's handler may ask while its thread is in here
        self._calls: list[Callable[[], None]] = []

    def ask(self) -> None:
        with self._lock:
            self.asked = True
            for call in self._calls:
                call()

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """While entered, `ask` makes this call, in its own thread; at once if it was asked."""
        with self._lock:
            self._calls.append(call)
            if self.asked:
                call()
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)


@contextmanager
def stopped_by(stop: Stop) -> Iterator[None]:
    """While entered, work of this thread ends with `CancelledError` as soon as it is asked to."""
    token = _current.set(stop)
    try:
        yield
    finally:
        _current.reset(token)


def current_stop() -> Stop:
    """That of the work at hand; one that nobody can ask for where nobody stops it."""
    return _current.get() or Stop()


def end_if_stopped() -> None:
    """Raise `CancelledError` if the work at hand was asked to end."""
    if current_stop().asked:
        raise CancelledError


_current: ContextVar[Stop | None] = ContextVar("nst_rt_stop", default=None)

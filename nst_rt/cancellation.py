"""Cancelling work in another thread: the work checks its token, or registers a call.

A context variable carries the token to an engine, since the layers in between have no other use
for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar


class CancelToken:
    """The request that some work ends, which any thread may make; it cannot be withdrawn."""

    def __init__(self) -> None:
        self.cancelled = False
        self._lock = threading.RLock()  # a signal's handler may cancel while its thread is in here
        self._calls: list[Callable[[], None]] = []

    def cancel(self) -> None:
        with self._lock:
            self.cancelled = True
            for call in self._calls:
                call()

    @contextmanager
    def on_cancel(self, call: Callable[[], None]) -> Iterator[None]:
        """While entered, `cancel` makes this call, in its own thread; at once if it came before."""
        with self._lock:
            self._calls.append(call)
            if self.cancelled:
                call()
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)


@contextmanager
def cancelled_by(token: CancelToken) -> Iterator[None]:
    """While entered, work of this thread ends with `CancelledError` once the token is cancelled."""
    before = _current.set(token)
    try:
        yield
    finally:
        _current.reset(before)


def current_token() -> CancelToken:
    """Return the token of the current work; a new one, which nobody cancels, where it has none."""
    return _current.get() or CancelToken()


def raise_if_cancelled() -> None:
    """Raise `CancelledError` if the current work was cancelled."""
    if current_token().cancelled:
        raise CancelledError


_current: ContextVar[CancelToken | None] = ContextVar("nst_rt_cancel_token", default=None)

"""Cancelling work in another thread: the work checks its token, or registers a call.

A context variable carries the token to an engine, since the layers in between have no other use
for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from nst_rt.errors import OutOfMemoryError

T = TypeVar("T")


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


def run_interruptible(work: Callable[[], T], end: Callable[[], None]) -> T:
    """Run a library's long call so that Ctrl-C interrupts it, too, in the main thread.

    Args:
        work: the call.
        end: makes it return soon; called where a signal's handler raises.

    Raises:
        KeyboardInterrupt: what a signal's handler raised, after the call has really ended.
        OutOfMemoryError: there is no room for a thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    # Python handles signals between its own steps only, so the main thread waits for another one;
    # not by join(), which takes the thread for dead once Ctrl-C has interrupted it
    try:
        threading.Thread(target=run).start()
    except RuntimeError as error:  # there is no room for its stack
        raise OutOfMemoryError from error
    try:
        wait([done])
    except BaseException:
        end()
        wait([done])
        raise
    return done.result()


_current: ContextVar[CancelToken | None] = ContextVar("nst_rt_cancel_token", default=None)

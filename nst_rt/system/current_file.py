"""Naming the file that a thread is reading: warnings of the libraries that decode it do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


@contextmanager
def reading(name: str) -> Iterator[None]:
    """While entered, what libraries warn of in this thread is about this file."""
    before = _current.set(name)
    try:
        yield
    finally:
        _current.reset(before)


def current_file() -> str:
    """Return the name of the file that this thread is reading, "" for none."""
    return _current.get()


_current: ContextVar[str] = ContextVar("nst_rt_current_file", default="")

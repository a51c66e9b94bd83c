"""One thread makes the calls of all others, and keeps nothing of them."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from nst_rt.sessions.launcher import Launcher


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Work:
    """A function that notes the thread in which it is called."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.thread = fails, 0

    def __call__(self) -> None:
        self.thread = threading.get_ident()
        if self.fails:
            raise ValueError("so")


def test_calls_from_all_threads_are_made_in_one() -> None:
    launcher, works = Launcher(), [Work() for _ in range(20)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(launcher.call, works))
    (thread,) = {work.thread for work in works}
    assert thread != threading.get_ident()


def test_errors_are_raised_where_it_was_called_and_it_goes_on() -> None:
    launcher, work = Launcher(), Work()
    with pytest.raises(ValueError, match="so"):
        launcher.call(Work(fails=True))
    launcher.call(work)
    assert work.thread


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("fails", [False, True])
def test_what_was_called_is_let_go_at_once(fails) -> None:
    launcher, gone = Launcher(), []

    def attempt() -> None:
        work = Work(fails=fails)
        gone.append(weakref.ref(work))
        with suppress(ValueError):
            launcher.call(work)

    attempt()
    assert gone[0]() is None


def test_its_thread_ends_with_it() -> None:
    before = set(threading.enumerate())
    launcher = Launcher()
    launcher.call(Work())
    (thread,) = set(threading.enumerate()) - before
    del launcher
    thread.join(timeout=20)
    assert not thread.is_alive()

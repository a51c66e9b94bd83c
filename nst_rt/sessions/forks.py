"""Forks of a process that has engines: the child finds no lock held, and frees none of them.

A thread of OpenVINO's that is awake at the moment of a fork may hold a lock of oneTBB's. The child
has the lock and not the thread: its own first picture would wait for ever. And an engine's
destructor waits for threads that the child does not have: it would hang, or end the process with an
error, when the child drops the object and at the latest when it exits.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from weakref import WeakSet

_engines: WeakSet[object] = WeakSet()
_entered = False
"""Whether this process has called OpenVINO."""
_busy: set[int] = set()
"""Identifiers of the threads that are calling OpenVINO."""
_may_enter = threading.Event()
"""Cleared while a fork waits."""
_may_enter.set()
_THREADS = Path("/proc/self/task")
_PATIENCE_S, _PAUSE_S = 1.0, 0.0005
"""Seconds that a fork waits at most for OpenVINO to come to rest, and between two looks."""


def keep_in_children(*engines: object) -> None:
    """Keep these objects alive for ever in children of this process."""
    _engines.update(engines)


@contextmanager
def calling_openvino() -> Iterator[None]:
    """While entered, this thread may hold OpenVINO's locks; forks in other threads wait."""
    global _entered
    _entered, thread = True, threading.get_ident()
    _busy.add(thread)
    while not _may_enter.is_set():
        _busy.discard(thread)
        _may_enter.wait()
        _busy.add(thread)
    try:
        yield
    finally:
        _busy.discard(thread)


def _wait_for_rest() -> None:
    """Wait until OpenVINO is at rest, and let no other thread call it meanwhile."""
    _may_enter.clear()
    end = monotonic() + _PATIENCE_S
    while _entered and not _at_rest() and monotonic() < end:
        sleep(_PAUSE_S)


def _at_rest() -> bool:
    """Return whether no other thread calls OpenVINO, and all threads that are its own sleep."""
    if _busy - {threading.get_ident()}:
        return False
    asleep = _sleeping_threads()
    # a thread that was woken and sleeps again between two looks was not at rest
    return asleep is not None and asleep == _sleeping_threads()


def _sleeping_threads() -> dict[str, bytes] | None:
    """Return how often each thread that Python did not start was switched; None if one is awake."""
    known = {str(thread.native_id) for thread in threading.enumerate()}
    known.add(str(threading.get_native_id()))
    switches = {}
    for task in _THREADS.iterdir() if _THREADS.exists() else ():
        if task.name in known:
            continue
        with suppress(OSError):  # it has ended
            status = (task / "status").read_bytes()
            if b"\nState:\tS" not in status:
                return None
            switches[task.name] = status.partition(b"\nvoluntary_ctxt_switches")[2]
    return switches


def _keep() -> None:
    global _may_enter
    _may_enter = threading.Event()  # a thread that is not here may hold the other one's lock
    _may_enter.set()
    _busy.intersection_update({threading.get_ident()})
    for engine in _engines:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_wait_for_rest, after_in_parent=lambda: _may_enter.set(), after_in_child=_keep
    )

"""A thread that makes calls for all others, for libraries that keep resources for each thread."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue


class Launcher:
    """Makes calls one after another in a thread of its own, which ends when this object is gone.

    ONNX Runtime creates handles of cuBLAS and cuDNN, and captures CUDA graphs, for every thread
    that ever ran a session, and keeps them until the session is closed.
    """

    def __init__(self) -> None:
        calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._calls = calls
        threading.Thread(target=_serve, args=(calls,), name="nst-launcher", daemon=True).start()
        weakref.finalize(self, calls.put, None).atexit = False

    def call(self, function: Callable[[], object]) -> None:
        """Call a function in that thread and wait for it; what it raises is raised here.

        When this returns, the thread holds no reference to the function any more.
        """
        call = _Call(function)
        self._calls.put(call)
        try:
            call.done.wait()
        finally:  # after Ctrl-C, too, it works with memory that the caller frees
            call.done.wait()
        error, call.error = call.error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # it refers to this frame, which would keep it


class _Call:
    def __init__(self, function: Callable[[], object]) -> None:
        self._function: Callable[[], object] | None = function
        self.error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        function, self._function = self._function, None
        assert function is not None
        try:
            function()
        except BaseException as error:
            self.error = error
        del function
        self.done.set()


def _serve(calls: SimpleQueue[_Call | None]) -> None:
    while call := calls.get():
        call.run()
        del call

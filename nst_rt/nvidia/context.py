"""CUDA's primary context of a GPU, through cuda-python's driver interface.

ONNX Runtime uses the same context. Its engines have to be freed before the process ends, and never
once the GPU is lost: freeing them then ends the process.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import weakref
from collections.abc import Callable
from typing import Any

from nst_rt.nvidia.failures import LOST_CODES, cuda_error


class CudaContext:
    """The primary context of one GPU.

    Raises:
        ImportError: cuda-python is not installed.
        ProviderError: the driver refuses.
    """

    def __init__(self, index: int = 0) -> None:
        from cuda.bindings import driver

        self.driver: Any = driver
        self._engines: weakref.WeakSet[object] = weakref.WeakSet()
        self.call(driver.cuInit, 0)
        self.device = self.call(driver.cuDeviceGet, index)
        self._handle = self.call(driver.cuDevicePrimaryCtxRetain, self.device)
        self._process = os.getpid()
        weakref.finalize(self, _release, driver, self.device, self._process).atexit = False
        _contexts.add(self)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the driver; return its result, or raise the error that it reports."""
        code, *results = function(*arguments)
        if int(code):
            self._leak_engines_after(int(code))
            raise cuda_error(f"CUDA failure {int(code)}: {code.name}")
        return results[0] if results else None

    def make_current(self) -> None:
        """Make it the context of the calling thread, as every call on memory needs it.

        Another thread may be capturing a CUDA graph, as ONNX Runtime does in the mode that forbids
        all threads to allocate; in this thread's own mode an allocation does not spoil the graph.
        """
        self.call(self.driver.cuCtxSetCurrent, self._handle)
        modes = self.driver.CUstreamCaptureMode
        alone = modes.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self.call(self.driver.cuThreadExchangeStreamCaptureMode, alone)

    def synchronize(self) -> None:
        """Wait for all work, in the process that made the context; not at all on a lost GPU."""
        if os.getpid() == self._process:
            self.driver.cuCtxSetCurrent(self._handle)
            self.driver.cuCtxSynchronize()

    def track_engine(self, engine: object) -> None:
        """Register an engine that would end the process if it were freed after the GPU is lost."""
        self._engines.add(engine)

    def leak_engines_if_lost(self) -> None:
        """Check for a lost GPU after an engine failed: its engines are never freed then."""
        self._leak_engines_after(int(self.driver.cuCtxSynchronize()[0]))

    def _leak_engines_after(self, code: int) -> None:
        if code in LOST_CODES:
            for engine in self._engines:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
            self._engines.clear()

    def finalize_with(
        self, owner: object, function: Callable[..., Any], handle: Any, *needed: object
    ) -> None:
        """Call a function of the driver on a handle when its owner is gone, in any thread.

        What is `needed` for the call lives until then: objects that go at the same time, as the
        garbage of a cycle does, go in any order.
        """
        weakref.finalize(owner, self._finalize, function, handle, needed).atexit = False

    def _finalize(
        self, function: Callable[..., Any], handle: Any, needed: tuple[object, ...]
    ) -> None:
        if os.getpid() != self._process:  # the driver does not work in a forked child
            return
        driver = self.driver
        driver.cuCtxSetCurrent(self._handle)
        # garbage is collected at any time, also while this thread captures a graph
        relaxed = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        _, mode = driver.cuThreadExchangeStreamCaptureMode(relaxed)
        function(handle)
        if mode is not None:  # the GPU is not lost
            driver.cuThreadExchangeStreamCaptureMode(mode)


def keep_alive(owner: object, *needed: object) -> None:
    """Keep what an owner needs alive until the owner is gone, in whatever order else objects go."""
    weakref.finalize(owner, _nothing, needed).atexit = False


def _nothing(needed: tuple[object, ...]) -> None:
    """Let go of it."""


def _release(driver: Any, device: Any, process: int) -> None:
    if os.getpid() == process:
        driver.cuDevicePrimaryCtxRelease(device)


_contexts: weakref.WeakSet[CudaContext] = weakref.WeakSet()


@atexit.register
def _synchronize_all() -> None:
    """Free no engine while it works when the process ends."""
    for context in list(_contexts):
        context.synchronize()

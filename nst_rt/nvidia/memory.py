"""Pinned and device memory, streams and events, through cuda-python's driver interface.

All belongs to the primary context of a GPU, which ONNX Runtime uses too. What is allocated is freed
when the last reference to it goes; what is left when the process ends goes with it, as engines that
use it are freed after that.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.nvidia.failures import LOST, failure

_NON_BLOCKING = 1
"""A stream that does not wait for the legacy default stream."""
_DISABLE_TIMING = 2


class Gpu:
    """One GPU's primary context.

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
        self.context = self.call(driver.cuDevicePrimaryCtxRetain, self.device)
        self._process = os.getpid()
        weakref.finalize(self, _release, driver, self.device, self._process).atexit = False
        _gpus.add(self)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the driver; its result, or the error that it reports."""
        code, *results = function(*arguments)
        if int(code):
            self._keep_if_lost(int(code))
            raise failure(f"CUDA failure {int(code)}: {code.name}")
        return results[0] if results else None

    def carries(self, engine: object) -> None:
        """Note an engine that ends the process when it is freed after the GPU is gone."""
        self._engines.add(engine)

    def keep_if_lost(self) -> None:
        """See whether the GPU is gone, after an engine failed; its engines are never freed then."""
        self._keep_if_lost(int(self.driver.cuCtxSynchronize()[0]))

    def _keep_if_lost(self, code: int) -> None:
        if code in LOST:
            for engine in self._engines:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
            self._engines.clear()

    def finish(self) -> None:
        """Wait for all work, in the process that has the GPU; for a GPU that is lost not at all."""
        if os.getpid() == self._process:
            self.driver.cuCtxSetCurrent(self.context)
            self.driver.cuCtxSynchronize()

    def enter(self) -> None:
        """Make the context that of the calling thread, as every call on memory needs it.

        What this thread allocates then spoils no CUDA graph that another one captures meanwhile,
        as ONNX Runtime does, in the mode that forbids it to all threads that do not ask for leave.
        """
        self.call(self.driver.cuCtxSetCurrent, self.context)
        modes = self.driver.CUstreamCaptureMode
        alone = modes.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self.call(self.driver.cuThreadExchangeStreamCaptureMode, alone)

    def free_with(
        self, owner: object, free: Callable[..., Any], handle: Any, *needed: object
    ) -> None:
        """Free a handle when its owner is gone, in whatever thread that happens.

        What is `needed` for it lives till then: owners that go at once, as garbage of a cycle does,
        would go in any order.
        """
        weakref.finalize(owner, self._free, free, handle, needed).atexit = False

    def _free(self, free: Callable[..., Any], handle: Any, needed: tuple[object, ...]) -> None:
        if os.getpid() != self._process:  # the driver does not work in a forked child
            return
        driver = self.driver
        driver.cuCtxSetCurrent(self.context)
        # garbage is collected at any time, also while this thread captures a graph
        relaxed = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        _, mode = driver.cuThreadExchangeStreamCaptureMode(relaxed)
        free(handle)
        if mode is not None:  # the GPU is not lost
            driver.cuThreadExchangeStreamCaptureMode(mode)


def _release(driver: Any, device: Any, process: int) -> None:
    if os.getpid() == process:
        driver.cuDevicePrimaryCtxRelease(device)


_gpus: weakref.WeakSet[Gpu] = weakref.WeakSet()


@atexit.register
def _finish() -> None:
    """Let no engine be freed under its work when the process ends."""
    for gpu in list(_gpus):
        gpu.finish()


def keep_for(owner: object, *needed: object) -> None:
    """Let what an owner needs live until it is gone, in whatever order else things go."""
    weakref.finalize(owner, _nothing, needed).atexit = False


def _nothing(needed: tuple[object, ...]) -> None:
    """Let go of it."""


class Stream:
    """Work in order, beside other streams'; a new one, or another program's by its handle."""

    def __init__(self, gpu: Gpu, handle: int | None = None) -> None:
        self._gpu = gpu
        if handle is not None:
            self.handle = gpu.driver.CUstream(handle)
            return
        self.handle = gpu.call(gpu.driver.cuStreamCreate, _NON_BLOCKING)
        gpu.free_with(self, gpu.driver.cuStreamDestroy, self.handle)

    def wait(self, event: Event) -> None:
        """Let what comes next wait for an event."""
        self._gpu.call(self._gpu.driver.cuStreamWaitEvent, self.handle, event.handle, 0)

    def upload(self, source: PinnedArray, target: DeviceBuffer) -> None:
        copy = self._gpu.driver.cuMemcpyHtoDAsync
        self._gpu.call(copy, target.address, source.address, source.array.nbytes, self.handle)

    def download(self, source: DeviceBuffer, target: PinnedArray) -> None:
        copy = self._gpu.driver.cuMemcpyDtoHAsync
        self._gpu.call(copy, target.address, source.address, target.array.nbytes, self.handle)


class Event:
    """A point in a stream."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self.handle = gpu.call(gpu.driver.cuEventCreate, _DISABLE_TIMING)
        gpu.free_with(self, gpu.driver.cuEventDestroy, self.handle)

    def record(self, stream: Stream) -> Event:
        """Set it to where the stream's work ends by now."""
        self._gpu.call(self._gpu.driver.cuEventRecord, self.handle, stream.handle)
        return self

    def synchronize(self) -> None:
        """Wait until the stream has come here."""
        self._gpu.call(self._gpu.driver.cuEventSynchronize, self.handle)


class PinnedArray:
    """A uint8 array in memory that the GPU copies from and to while the CPU does other work.

    The memory is freed when neither this nor the array nor a view of it is left.
    """

    def __init__(self, gpu: Gpu, shape: Sequence[int]) -> None:
        memory = _PinnedMemory(gpu, int(np.prod(shape)))
        self.address = memory.address
        self.array: NDArray[np.uint8] = np.asarray(memory).reshape(shape)

    @classmethod
    def around(cls, array: NDArray[np.uint8]) -> PinnedArray | None:
        """The same for an array that lies in such memory already, None for any other."""
        start = int(array.__array_interface__["data"][0])
        end = start + array.nbytes
        if not array.flags.c_contiguous or not any(
            first <= start and end <= last for first, last in _pinned.copy().items()
        ):
            return None
        found = cls.__new__(cls)
        found.address, found.array = start, array
        return found


_pinned: dict[int, int] = {}
"""Where pinned memory begins and ends."""


class _PinnedMemory:
    """What NumPy makes an array of, and keeps as long as the array."""

    def __init__(self, gpu: Gpu, size: int) -> None:
        self.address = gpu.call(gpu.driver.cuMemHostAlloc, max(1, size), 0)
        gpu.free_with(self, partial(_unpin, gpu.driver.cuMemFreeHost), self.address)
        start = int(self.address)
        _pinned[start] = start + size
        place = {"shape": (size,), "typestr": "|u1", "data": (start, False), "version": 3}
        self.__array_interface__ = place


def _unpin(free: Callable[[Any], Any], address: Any) -> None:
    del _pinned[int(address)]
    free(address)


class DeviceBuffer:
    """Bytes on the GPU."""

    def __init__(self, gpu: Gpu, size: int) -> None:
        self.size = max(1, size)
        self.address = gpu.call(gpu.driver.cuMemAlloc, self.size)
        gpu.free_with(self, gpu.driver.cuMemFree, self.address)

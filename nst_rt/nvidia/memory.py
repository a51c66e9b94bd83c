"""Pinned and device memory, streams and events of a CUDA context.

What is allocated is freed when the last reference to it goes; what is left when the process ends
goes with it, as engines that use it are freed after that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.nvidia.context import CudaContext

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: the stream does not wait for the legacy default stream."""
_DISABLE_TIMING = 2
"""CU_EVENT_DISABLE_TIMING."""


class Stream:
    """A CUDA stream: a new one, or another program's by its handle."""

    def __init__(self, cuda: CudaContext, handle: int | None = None) -> None:
        self._cuda = cuda
        if handle is not None:
            self.handle = cuda.driver.CUstream(handle)
            return
        self.handle = cuda.call(cuda.driver.cuStreamCreate, _NON_BLOCKING)
        cuda.finalize_with(self, cuda.driver.cuStreamDestroy, self.handle)

    def wait(self, event: Event) -> None:
        """Make later work of the stream wait for an event."""
        self._cuda.call(self._cuda.driver.cuStreamWaitEvent, self.handle, event.handle, 0)

    def upload(self, source: PinnedArray, target: DeviceBuffer) -> None:
        copy = self._cuda.driver.cuMemcpyHtoDAsync
        self._cuda.call(copy, target.address, source.address, source.array.nbytes, self.handle)

    def download(self, source: DeviceBuffer, target: PinnedArray) -> None:
        copy = self._cuda.driver.cuMemcpyDtoHAsync
        self._cuda.call(copy, target.address, source.address, target.array.nbytes, self.handle)


class Event:
    """A CUDA event: a point in a stream."""

    def __init__(self, cuda: CudaContext) -> None:
        self._cuda = cuda
        self.handle = cuda.call(cuda.driver.cuEventCreate, _DISABLE_TIMING)
        cuda.finalize_with(self, cuda.driver.cuEventDestroy, self.handle)

    def record(self, stream: Stream) -> Event:
        """Set it to the end of the work that the stream has by now."""
        self._cuda.call(self._cuda.driver.cuEventRecord, self.handle, stream.handle)
        return self

    def synchronize(self) -> None:
        """Wait until the stream has reached it."""
        self._cuda.call(self._cuda.driver.cuEventSynchronize, self.handle)


class PinnedArray:
    """A uint8 array in memory that the GPU copies from and to while the CPU does other work.

    The memory is freed once neither this object nor the array nor a view of it is left.
    """

    def __init__(self, cuda: CudaContext, shape: Sequence[int]) -> None:
        memory = _PinnedMemory(cuda, int(np.prod(shape)))
        self.address = memory.address
        self.array: NDArray[np.uint8] = np.asarray(memory).reshape(shape)

    @classmethod
    def around(cls, array: NDArray[np.uint8]) -> PinnedArray | None:
        """Wrap an array that is in such memory already; None for any other."""
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
"""End addresses of pinned memory by start addresses."""


class _PinnedMemory:
    """Memory that NumPy makes an array of, and keeps as long as the array."""

    def __init__(self, cuda: CudaContext, size: int) -> None:
        self.address = cuda.call(cuda.driver.cuMemHostAlloc, max(1, size), 0)
        cuda.finalize_with(self, partial(_unpin, cuda.driver.cuMemFreeHost), self.address)
        start = int(self.address)
        _pinned[start] = start + size
        place = {"shape": (size,), "typestr": "|u1", "data": (start, False), "version": 3}
        self.__array_interface__ = place


def _unpin(free: Callable[[Any], Any], address: Any) -> None:
    del _pinned[int(address)]
    free(address)


class DeviceBuffer:
    """Bytes in the GPU's memory."""

    def __init__(self, cuda: CudaContext, size: int) -> None:
        self.size = max(1, size)
        self.address = cuda.call(cuda.driver.cuMemAlloc, self.size)
        cuda.finalize_with(self, cuda.driver.cuMemFree, self.address)

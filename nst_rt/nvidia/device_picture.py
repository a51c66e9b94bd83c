"""Paintings in GPU memory that other libraries can use without a copy."""

from __future__ import annotations

import math
from typing import Any

from nst_rt.nvidia.context import CudaContext
from nst_rt.nvidia.device_array import LEGACY_STREAM, DeviceArray
from nst_rt.nvidia.dlpack import CUDA, VERSION, export_capsule
from nst_rt.nvidia.memory import DeviceBuffer, Event, Stream


class DevicePicture:
    """A painting in GPU memory, for every library that reads DLPack or the CUDA array interface.

    It may not be done yet; its consumer waits in a stream, not on the host.
    """

    def __init__(
        self, cuda: CudaContext, shape: tuple[int, ...], source: DeviceArray, stream: Stream
    ) -> None:
        """Allocate memory for a painting.

        Args:
            cuda: the context of its GPU.
            shape: of the painting.
            source: the picture that it is painted from, kept until it is done.
            stream: the stream in which it is painted.
        """
        self._cuda, self.shape, self._stream = cuda, shape, stream
        self._buffer = DeviceBuffer(cuda, math.prod(shape))
        self._done = Event(cuda)
        # nothing is freed under a painting that nobody waited for
        cuda.finalize_with(
            self, cuda.driver.cuEventSynchronize, self._done.handle, self._done, source
        )

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": "|u1",
            "data": (int(self._buffer.address), False),
            "strides": None,
            "stream": int(self._stream.handle),
            "version": 3,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return CUDA, int(self._cuda.device)

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Return a capsule whose pixels are done for later work of `stream`; -1 waits for nothing.

        Raises:
            BufferError: it is asked for on another device, or as a copy.
        """
        if copy or dl_device not in (None, self.__dlpack_device__()):
            raise BufferError("a painting is exported without a copy; copy the array made from it")
        if stream != -1:
            self._cuda.make_current()
            Stream(self._cuda, LEGACY_STREAM if stream is None else stream).wait(self._done)
        versioned = max_version is not None and max_version >= VERSION
        address, device = int(self._buffer.address), self.__dlpack_device__()
        return export_capsule(self, address, self.shape, device, versioned)

    def painted(self) -> None:
        """Record that the work that fills it is in the stream."""
        self._done.record(self._stream)

    def __repr__(self) -> str:
        return f"DevicePicture({self.shape})"

"""A few numbers that a model takes or gives beside pictures, on both sides of the bus."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nst_rt.nvidia.memory import DeviceBuffer, Gpu, PinnedArray, Stream
from nst_rt.sessions.bound import Tensor
from nst_rt.sessions.in_flight import Shape


class Mirrored:
    """A float32 array in pinned memory and its twin on the GPU; zeros at first."""

    def __init__(self, gpu: Gpu, name: str, shape: Shape) -> None:
        self.name = name
        size = math.prod(shape) * np.dtype(np.float32).itemsize
        self._host, self._device = PinnedArray(gpu, (size,)), DeviceBuffer(gpu, size)
        self.array: NDArray[np.float32] = self._host.array.view(np.float32).reshape(shape)
        self.array[...] = 0

    @property
    def tensor(self) -> Tensor:
        """What a session is bound to."""
        return Tensor(self.name, np.float32, self.array.shape, int(self._device.address))

    def upload(self, stream: Stream) -> None:
        stream.upload(self._host, self._device)

    def download(self, stream: Stream) -> None:
        stream.download(self._device, self._host)

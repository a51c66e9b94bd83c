"""A few numbers that a model takes or gives beside pictures, on both sides of the bus."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nst_rt.model import ModelFile
from nst_rt.nvidia.memory import DeviceBuffer, Gpu, PinnedArray, Stream
from nst_rt.sessions.further import Numbers, further_shapes
from nst_rt.sessions.in_flight import Shape
from nst_rt.sessions.io_binding import DeviceTensor


class Mirrored:
    """A float32 array in pinned memory and its twin on the GPU; zeros at first."""

    def __init__(self, gpu: Gpu, name: str, shape: Shape) -> None:
        self.name = name
        size = math.prod(shape) * np.dtype(np.float32).itemsize
        self._host, self.device = PinnedArray(gpu, (size,)), DeviceBuffer(gpu, size)
        self.array: NDArray[np.float32] = self._host.array.view(np.float32).reshape(shape)
        self.array[...] = 0

    @property
    def tensor(self) -> DeviceTensor:
        """What a session is bound to."""
        return DeviceTensor(self.name, np.float32, self.array.shape, int(self.device.address))

    def upload(self, stream: Stream) -> None:
        stream.upload(self._host, self.device)

    def download(self, stream: Stream) -> None:
        stream.download(self.device, self._host)


class Beside:
    """All that a model takes beside a batch of pictures, and gives beside the paintings.

    Args:
        gpu: where the pictures are.
        model: which says what it is.
        count: pictures in the batch.
    """

    def __init__(self, gpu: Gpu, model: ModelFile, count: int) -> None:
        self.given, self.told = (
            [Mirrored(gpu, name, shape) for name, shape in shapes.items()]
            for shapes in further_shapes(model, count)
        )

    def upload(self, values: Sequence[Numbers], stream: Stream) -> None:
        """Begin to bring up what the model takes; without values those of the last time: zeros."""
        for one, value in zip(self.given, values, strict=False):
            one.array[...] = value
        for one in self.given:
            one.upload(stream)

    def download(self, stream: Stream) -> None:
        """Begin to bring down what the model gives."""
        for one in self.told:
            one.download(stream)

    def read(self) -> dict[str, Numbers]:
        """What the model gave, once it is down."""
        return {one.name: one.array.copy() for one in self.told}

"""A model's extra tensors on the GPU, with staging buffers in pinned memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nst_rt.model import ModelFile
from nst_rt.nvidia.context import CudaContext
from nst_rt.nvidia.memory import DeviceBuffer, PinnedArray, Stream
from nst_rt.sessions.extra_tensors import FloatArray, Shape, extra_shapes
from nst_rt.sessions.io_binding import DeviceTensor


class StagedTensor:
    """A float32 tensor on the GPU and its staging buffer in pinned memory, zeros at first."""

    def __init__(self, cuda: CudaContext, name: str, shape: Shape) -> None:
        self.name = name
        size = math.prod(shape) * np.dtype(np.float32).itemsize
        self._host, self.device = PinnedArray(cuda, (size,)), DeviceBuffer(cuda, size)
        self.array: NDArray[np.float32] = self._host.array.view(np.float32).reshape(shape)
        self.array[...] = 0

    @property
    def device_tensor(self) -> DeviceTensor:
        """Its name, shape and address, for an I/O binding."""
        return DeviceTensor(self.name, np.float32, self.array.shape, int(self.device.address))

    def upload(self, stream: Stream) -> None:
        stream.upload(self._host, self.device)

    def download(self, stream: Stream) -> None:
        stream.download(self.device, self._host)


class ExtraTensors:
    """The extra inputs and outputs of a model for one batch of pictures.

    Args:
        cuda: the context of the GPU that paints.
        model: declares their names and shapes.
        count: pictures in the batch.
    """

    def __init__(self, cuda: CudaContext, model: ModelFile, count: int) -> None:
        self.inputs, self.outputs = (
            [StagedTensor(cuda, name, shape) for name, shape in shapes.items()]
            for shapes in extra_shapes(model, count)
        )

    @property
    def device_buffers(self) -> dict[str, DeviceBuffer]:
        """Their memory on the GPU, by name."""
        return {tensor.name: tensor.device for tensor in (*self.inputs, *self.outputs)}

    def upload(self, values: Sequence[FloatArray], stream: Stream) -> None:
        """Queue the upload of the inputs; those without a value keep the last one, at first 0."""
        for tensor, value in zip(self.inputs, values, strict=False):
            tensor.array[...] = value
        for tensor in self.inputs:
            tensor.upload(stream)

    def download(self, stream: Stream) -> None:
        """Queue the download of the outputs."""
        for tensor in self.outputs:
            tensor.download(stream)

    def read(self) -> dict[str, FloatArray]:
        """Return copies of the outputs by name, when their download is done."""
        return {tensor.name: tensor.array.copy() for tensor in self.outputs}

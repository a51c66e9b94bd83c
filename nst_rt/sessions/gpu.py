"""What sessions on a GPU have in common: pictures in flight, pinned memory, arrays on the GPU."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.model import ModelFile
from nst_rt.nvidia.context import CudaContext
from nst_rt.nvidia.device_array import DeviceArray
from nst_rt.nvidia.memory import PinnedArray
from nst_rt.sessions.extra_tensors import FloatArray, extra_inputs
from nst_rt.sessions.in_flight import InFlight, PendingPainting
from nst_rt.sessions.limits import Limits


class GpuSession:
    """The base of sessions that paint through `InFlight`.

    A subclass sets `_model`, `_cuda` and `_pictures` when it opens. Its bindings have an attribute
    `extra`, the `ExtraTensors` that it uploads before a picture is painted and downloads after.
    """

    device = "cuda"
    memory_per_pixel = 12
    """In the computer's memory: the picture, the painting, and both in pinned memory."""
    limits: Limits | None = None
    nodes: Mapping[str, int] = MappingProxyType({})
    _model: ModelFile
    _cuda: CudaContext
    _pictures: InFlight[Any]

    def submit(
        self, image: NDArray[np.uint8], out: NDArray[np.uint8] | None = None
    ) -> PendingPainting[Any]:
        """Begin to paint uint8 N×H×W×3, see `InFlight.submit`."""
        return self._pictures.submit(image, out)

    def run(
        self, image: NDArray[np.uint8], out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Paint uint8 N×H×W×3 and wait for it. It is done before Ctrl-C matters."""
        return self.submit(image, out).result()

    def run_all(
        self, image: NDArray[np.uint8], **inputs: FloatArray
    ) -> tuple[NDArray[np.uint8], dict[str, FloatArray]]:
        """Paint with extra inputs, see `Session.run_all`."""
        extra = extra_inputs(self._model, len(image), inputs)
        outputs: dict[str, FloatArray] = {}
        painting = self._pictures.submit(image, extra=extra).result(
            lambda binding: outputs.update(binding.extra.read())
        )
        return painting, outputs

    def pinned(self, *shape: int) -> NDArray[np.uint8]:
        """A uint8 array that `submit` and `run` copy to and from the GPU without a copy between."""
        self._cuda.make_current()
        return PinnedArray(self._cuda, shape).array

    def paint_on_device(self, image: Any, painting: Any, *, stream: int = 0) -> None:
        """Paint from GPU memory into GPU memory, see `InFlight.paint_on_device`."""
        self._pictures.paint_on_device(image, painting, stream)

    def place_of(self, array: Any) -> DeviceArray:
        """Where pictures of another library lie, see `InFlight.place_of`."""
        return self._pictures.place_of(array)

    def paint_array(self, array: Any, place: DeviceArray) -> Any:
        """Paint them into new GPU memory, see `InFlight.paint_array`."""
        return self._pictures.paint_array(array, place)

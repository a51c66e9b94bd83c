"""The base class of sessions on a GPU: pictures in flight, pinned memory, arrays on the GPU."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from nst_rt.model import ModelFile
from nst_rt.nvidia.context import CudaContext
from nst_rt.nvidia.device_array import DeviceArray
from nst_rt.nvidia.memory import PinnedArray
from nst_rt.pixels import Pixels
from nst_rt.sessions.extra_tensors import FloatArray, extra_inputs
from nst_rt.sessions.in_flight import InFlight, PendingPainting
from nst_rt.sessions.limits import Limits


class GpuSession:
    """The base of sessions that paint through `InFlight`.

    A subclass sets `_model`, `_cuda` and `_pictures` when it opens. Its bindings have an attribute
    `extra`, the `ExtraTensors` that it uploads before a picture is painted and downloads after.
    """

    device = "cuda"
    limits: Limits | None = None
    nodes: Mapping[str, int] = MappingProxyType({})
    _model: ModelFile
    _cuda: CudaContext
    _pictures: InFlight[Any]

    @property
    def memory_per_pixel(self) -> float:
        """Bytes of the picture, the painting, and both in pinned memory, three each."""
        return 12.0

    def submit(self, image: Pixels, out: Pixels | None = None) -> PendingPainting[Any]:
        """Begin to paint uint8 N×H×W×3, see `InFlight.submit`."""
        return self._pictures.submit(image, out)

    def run(self, image: Pixels, out: Pixels | None = None) -> Pixels:
        """Paint uint8 N×H×W×3 and wait for it. This is too short for Ctrl-C to interrupt it."""
        return self.submit(image, out).result()

    def run_all(self, image: Pixels, **inputs: FloatArray) -> tuple[Pixels, dict[str, FloatArray]]:
        """Paint with extra inputs, see `Session.run_all`."""
        extra = extra_inputs(self._model, len(image), inputs)
        outputs: dict[str, FloatArray] = {}
        painting = self._pictures.submit(image, extra=extra).result(
            lambda binding: outputs.update(binding.extra.read())
        )
        return painting, outputs

    def pinned(self, *shape: int) -> Pixels:
        """Return a uint8 array that is uploaded and downloaded without a copy in host memory."""
        self._cuda.make_current()
        return PinnedArray(self._cuda, shape).array

    def paint_on_device(self, image: Any, painting: Any, *, stream: int = 0) -> None:
        """Paint from GPU memory into GPU memory, see `InFlight.paint_on_device`."""
        self._pictures.paint_on_device(image, painting, stream)

    def as_device_array(self, array: Any) -> DeviceArray:
        """Return the address of another library's pictures, see `InFlight.as_device_array`."""
        return self._pictures.as_device_array(array)

    def paint_array(self, array: Any, source: DeviceArray) -> Any:
        """Paint into new GPU memory, see `InFlight.paint_array`."""
        return self._pictures.paint_array(array, source)

"""ONNX Runtime on CUDA. It computes in what the file holds."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ModelError, NstError, ProviderError
from nst_rt.model import ModelFile
from nst_rt.nvidia.device_array import device_array
from nst_rt.nvidia.failures import explained
from nst_rt.nvidia.libraries import DRIVER, install_line, load, load_needed
from nst_rt.nvidia.memory import DeviceBuffer, Event, Gpu, PinnedArray, Stream
from nst_rt.sessions import Precision, missing_engine
from nst_rt.sessions.further import Numbers, further_inputs
from nst_rt.sessions.onnxruntime import OnnxRuntimeSession

Bound = tuple[Any, Any]
"""An input and output binding of ONNX Runtime, and the options of its runs."""
LAST_OPSET = 21
"""From the next one on, ONNX Runtime computes InstanceNormalization on the CPU."""
BINDINGS_KEPT = 8
"""Pairs of the callers' own arrays that are remembered; a program works on a few in turn."""


class CudaSession(OnnxRuntimeSession):
    """ONNX Runtime's CUDA provider. What is missing or fails there is an error, never the CPU.

    Pictures go up, are painted and come down on three streams, so that those of several callers, or
    several submitted by one, overlap. Their buffers are used again while the size stays the same.
    """

    device = "cuda"
    _provider = "CUDAExecutionProvider"

    def submit(self, image: NDArray[np.uint8]) -> Painting:
        """Begin to paint uint8 N×H×W×3, C-contiguous, which may be changed at once."""
        with self._lock:
            self._gpu.enter()
            frame = self._frame(image.shape)
            frame.source.array[...] = image
            self._up.upload(frame.source, frame.image)
            frame.arrived.record(self._up)
            self._compute.wait(frame.arrived)
            self._paint(frame.bound)
            frame.painted.record(self._compute)
            self._down.wait(frame.painted)
            self._down.download(frame.painting, frame.target)
            frame.done.record(self._down)
        return Painting(frame, self._gpu, self._give_back)

    def run(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint uint8 N×H×W×3 and wait for it. It is done before Ctrl-C matters."""
        return self.submit(image).result()

    def run_all(
        self, image: NDArray[np.uint8], **inputs: Numbers
    ) -> tuple[NDArray[np.uint8], dict[str, Numbers]]:
        further_inputs(self._model, len(image), inputs)
        return self.run(image), {}

    def paint_on_device(self, image: Any, painting: Any, *, stream: int = 0) -> None:
        """Paint from GPU memory into GPU memory; nothing is copied, nobody waits.

        Args:
            image: uint8 N×H×W×3, C-contiguous, of any library whose arrays have
                `__cuda_array_interface__` (PyTorch, CuPy, Numba, JAX).
            painting: where it goes, of the painting's size.
            stream: handle of the caller's CUDA stream: what it was given before comes before the
                painting, what it is given later comes after.

        Raises:
            InputError: another dtype, shape or layout, or no memory of a GPU.
        """
        source = device_array(image, "the image")
        expected = (source.shape[0], *(size * self.scale for size in source.shape[1:3]), 3)
        target = device_array(painting, "the painting", expected)
        with self._lock:
            self._gpu.enter()
            theirs = Stream(self._gpu, stream)
            self._compute.wait(Event(self._gpu).record(theirs))
            key = (source.address, target.address, source.shape)
            if key not in self._bindings:
                if len(self._bindings) == BINDINGS_KEPT:
                    del self._bindings[next(iter(self._bindings))]
                self._bindings[key] = self._bind(
                    source.shape, target.shape, source.address, target.address
                )
            self._paint(self._bindings[key])
            theirs.wait(Event(self._gpu).record(self._compute))

    def close(self) -> None:
        self._idle.clear()
        self._bindings.clear()
        super().close()

    def _frame(self, shape: tuple[int, ...]) -> Frame:
        """Idle buffers of that shape, or new ones in place of those of another shape."""
        if self._idle and self._idle[-1].source.array.shape != shape:
            self._idle.clear()
        return self._idle.pop() if self._idle else self._new_frame(shape)

    def _new_frame(self, shape: tuple[int, ...]) -> Frame:
        frame = Frame(self._gpu, shape, self.scale)
        addresses = int(frame.image.address), int(frame.painting.address)
        frame.bound = self._bind(shape, frame.target.array.shape, *addresses)
        return frame

    def _bind(
        self, shape: tuple[int, ...], painted: tuple[int, ...], image: int, painting: int
    ) -> Bound:
        """What ONNX Runtime needs to paint from one address on the GPU to another."""
        binding, options = self._session.io_binding(), self._run_options()
        binding.bind_input(self._input, "cuda", 0, np.uint8, shape, image)
        binding.bind_output(self._output, "cuda", 0, np.uint8, painted, painting)
        # our events say when it is done
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        graph = str(next(self._numbers)) if self._captures else "-1"
        options.add_run_config_entry("gpu_graph_id", graph)
        return binding, options

    def _paint(self, bound: Bound) -> None:
        try:
            self._session.run_with_iobinding(*bound)
        except Exception as error:  # its exceptions share no base class of their own
            raise self._failed(error) from error

    def _give_back(self, frame: Frame) -> None:
        with self._lock:
            self._idle.append(frame)

    def _prepare(self, model: ModelFile, onnxruntime: Any) -> None:
        if self._provider not in onnxruntime.get_available_providers():
            if load(DRIVER):
                raise ProviderError("no NVIDIA driver is here", cure=install_line([DRIVER]))
            raise ProviderError(
                f"onnxruntime is its build without CUDA, it has no {self._provider}",
                cure='pip uninstall -y onnxruntime && pip install "nst-rt[cuda]"',
            )
        provider = Path(onnxruntime.__file__).parent / "capi/libonnxruntime_providers_cuda.so"
        missing = load_needed(provider) if provider.exists() else []
        if missing:
            are = "is" if len(missing) == 1 else "are"
            raise ProviderError(f"{', '.join(missing)} {are} missing", cure=install_line(missing))
        if model.num_statistics is not None:
            raise ProviderError(
                "a steady file is painted on the CPU alone so far", cure="choose device cpu"
            )
        if model.opset > LAST_OPSET:
            raise ModelError(
                f"opset {model.opset} would compute InstanceNormalization on the CPU",
                path=model.path,
                cure=f"export it with opset {LAST_OPSET} or below",
            )
        try:
            self._gpu = Gpu()
        except ImportError as error:
            raise missing_engine("cuda-bindings", "cuda", error) from error
        self._gpu.enter()
        self._up, self._compute, self._down = (Stream(self._gpu) for _ in range(3))
        self._lock = threading.Lock()
        self._idle: list[Frame] = []
        self._bindings: dict[tuple[int, int, tuple[int, ...]], Bound] = {}
        self._numbers = itertools.count()
        # a CUDA graph serves one size and one set of buffers
        self._captures = all(isinstance(size, int) for size in model.inputs[0].shape)

    def _options(self, model: ModelFile) -> dict[str, str]:
        return {
            "cudnn_conv_algo_search": "EXHAUSTIVE" if self._captures else "HEURISTIC",
            "enable_cuda_graph": str(int(self._captures)),
            "user_compute_stream": str(int(self._compute.handle)),
            # without leave to use TF32 no convolution runs on tensor cores, not even in fp16
            "use_tf32": str(int(model.flavour == "fp16")),
        }

    def _precision(self, model: ModelFile, asked: Precision) -> str:
        if asked not in ("auto", model.flavour):
            raise ProviderError(
                f"this file computes in {model.flavour}, {asked} was asked for",
                cure=f"nst-rt export … --precision {asked}",
            )
        return model.flavour

    def _refused(self, error: Exception) -> NstError:
        return self._failed(error)

    def _failed(self, error: Exception) -> NstError:
        what, cure = explained(str(error))
        return ProviderError(what, cure=cure)


class Frame:
    """The buffers of one picture on its way, and how far it is."""

    bound: Bound

    def __init__(self, gpu: Gpu, shape: tuple[int, ...], scale: int) -> None:
        count, height, width, channels = shape
        self.source = PinnedArray(gpu, shape)
        self.target = PinnedArray(gpu, (count, height * scale, width * scale, channels))
        self.image = DeviceBuffer(gpu, self.source.array.nbytes)
        self.painting = DeviceBuffer(gpu, self.target.array.nbytes)
        self.arrived, self.painted, self.done = (Event(gpu) for _ in range(3))


class Painting:
    """A picture that is being painted."""

    def __init__(self, frame: Frame, gpu: Gpu, give_back: Callable[[Frame], None]) -> None:
        self._frame, self._gpu, self._give_back = frame, gpu, give_back

    def result(self) -> NDArray[np.uint8]:
        """Wait for the painting, uint8 N×H×W×3, a new array. To be asked for once."""
        self._gpu.enter()
        self._frame.done.synchronize()
        painting = self._frame.target.array.copy()
        self._give_back(self._frame)
        del self._frame
        return painting

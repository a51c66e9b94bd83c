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
from nst_rt.nvidia.failures import explained
from nst_rt.nvidia.libraries import install_line, load_needed
from nst_rt.nvidia.memory import DeviceBuffer, Event, Gpu, PinnedArray, Stream
from nst_rt.sessions import Precision, missing_engine
from nst_rt.sessions.onnxruntime import OnnxRuntimeSession

LAST_OPSET = 21
"""From the next one on, ONNX Runtime computes InstanceNormalization on the CPU."""


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
            self._paint(frame)
            frame.painted.record(self._compute)
            self._down.wait(frame.painted)
            self._down.download(frame.painting, frame.target)
            frame.done.record(self._down)
        return Painting(frame, self._gpu, self._give_back)

    def run(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint uint8 N×H×W×3 and wait for it. It is done before Ctrl-C matters."""
        return self.submit(image).result()

    def close(self) -> None:
        self._idle.clear()
        super().close()

    def _frame(self, shape: tuple[int, ...]) -> Frame:
        """Idle buffers of that shape, or new ones in place of those of another shape."""
        if self._idle and self._idle[-1].source.array.shape != shape:
            self._idle.clear()
        return self._idle.pop() if self._idle else self._new_frame(shape)

    def _new_frame(self, shape: tuple[int, ...]) -> Frame:
        frame = Frame(self._gpu, shape, self.scale)
        frame.binding = binding = self._session.io_binding()
        for bind, name, buffer, memory in (
            (binding.bind_input, self._input, frame.image, frame.source),
            (binding.bind_output, self._output, frame.painting, frame.target),
        ):
            bind(name, "cuda", 0, np.uint8, memory.array.shape, int(buffer.address))
        frame.options = self._run_options()
        # our events say when it is done
        frame.options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        graph = str(next(self._numbers)) if self._captures else "-1"
        frame.options.add_run_config_entry("gpu_graph_id", graph)
        return frame

    def _paint(self, frame: Frame) -> None:
        try:
            self._session.run_with_iobinding(frame.binding, frame.options)
        except Exception as error:  # its exceptions share no base class of their own
            raise self._failed(error) from error

    def _give_back(self, frame: Frame) -> None:
        with self._lock:
            self._idle.append(frame)

    def _check(self, model: ModelFile, onnxruntime: Any) -> None:
        if self._provider not in onnxruntime.get_available_providers():
            raise ProviderError(
                f"onnxruntime is its build without CUDA, it has no {self._provider}",
                cure='pip uninstall -y onnxruntime && pip install "nst-rt[cuda]"',
            )
        provider = Path(onnxruntime.__file__).parent / "capi/libonnxruntime_providers_cuda.so"
        missing = load_needed(provider) if provider.exists() else []
        if missing:
            are = "is" if len(missing) == 1 else "are"
            raise ProviderError(f"{', '.join(missing)} {are} missing", cure=install_line(missing))
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

    binding: Any
    options: Any

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

"""OpenVINO on the CPU: the fastest engine there on every processor measured."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.cancellation import CancelToken, current_token, raise_if_cancelled
from nst_rt.errors import ModelError, NstError, OutOfMemoryError, ProviderError
from nst_rt.memory import is_lack_of_memory
from nst_rt.model import ModelFile
from nst_rt.sessions.extra_tensors import FloatArray, empty_extra_outputs, extra_inputs
from nst_rt.sessions.forks import calling_openvino, keep_in_children
from nst_rt.sessions.limits import Limits
from nst_rt.sessions.missing import missing_engine
from nst_rt.sessions.options import Precision

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
KERNELS_KEPT = 16
"""Layers hold on to those of the size at hand by themselves."""
_KERNELS = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
_POLL_MS = 100
"""How long a wait goes on before Python looks for signals, and for a stop."""


class OpenVinoSession:
    """One compiled model, one inference request per thread."""

    device = "cpu"
    memory_per_pixel = 170
    limits: Limits | None = None
    nodes: Mapping[str, int] = MappingProxyType({})

    def __init__(
        self, model: ModelFile, *, precision: Precision, threads: int, parallel: int = 1
    ) -> None:
        try:
            openvino = _imported()
        except ImportError as error:
            raise missing_engine("openvino", "cpu", error) from error
        if model.fused:
            raise ProviderError(
                "uses operators of nst-rt that OpenVINO has not",
                path=model.path,
                cure="choose device onnxruntime, or export it without --variant fused",
            )
        self.provider = f"OpenVINO {openvino.__version__.split('-')[0]}"
        self.scale = model.scale
        self._path, self._model = model.path, model
        core = _core()
        self.precision = _precision(
            precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        )
        streams = min(parallel, threads)
        try:
            network = core.read_model(io.BytesIO(model.data))
            options = {
                "PERFORMANCE_HINT": "LATENCY",
                "NUM_STREAMS": streams,
                "INFERENCE_NUM_THREADS": threads,
                "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
                "CPU_RUNTIME_CACHE_CAPACITY": KERNELS_KEPT,
            }
            self._compile = partial(core.compile_model, network, "CPU", options)
            with calling_openvino():
                self._compiled: Any = self._compile()
        except RuntimeError as error:
            raise self._failed("cannot run it", error) from error
        keep_in_children(core, self._compiled)
        self.threads = int(self._compiled.get_property("INFERENCE_NUM_THREADS"))
        self._tensor = openvino.Tensor
        self._local = threading.local()
        self._compiling = threading.Lock()
        self._turns = threading.Semaphore(streams)

    def run(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint uint8 N×H×W×3; the engine writes straight into the array that is returned."""
        return self.run_all(image)[0]

    def run_all(
        self, image: NDArray[np.uint8], **inputs: FloatArray
    ) -> tuple[NDArray[np.uint8], dict[str, FloatArray]]:
        extra = extra_inputs(self._model, len(image), inputs)
        token = current_token()
        while not self._turns.acquire(timeout=_POLL_MS / 1000):
            raise_if_cancelled()
        try:
            raise_if_cancelled()
            with calling_openvino():
                return self._infer(self._request(), image, extra, token)
        except RuntimeError as error:
            raise self._failed("cannot paint with it", error) from error
        finally:
            self._turns.release()

    def release(self) -> None:
        """Compiled anew when it is needed: only a compiled model's end frees what it keeps."""
        with self._compiling:
            self._compiled, self._local = None, threading.local()

    def close(self) -> None:
        del self._compiled, self._local

    def _failed(self, what: str, error: RuntimeError) -> NstError:
        """Return what an error of the engine means."""
        if is_lack_of_memory(str(error)):
            return OutOfMemoryError()
        return ModelError(
            f"OpenVINO {what} ({_first(error)})",
            path=self._path,
            cure="choose device onnxruntime, or export it again",
        )

    def _infer(
        self, request: Any, image: NDArray[np.uint8], extra: list[FloatArray], token: CancelToken
    ) -> tuple[NDArray[np.uint8], dict[str, FloatArray]]:
        if not image.flags.writeable:  # OpenVINO only reads it, and still refuses it
            image = image.copy()
        count, height, width, _ = image.shape
        result = np.empty((count, height * self.scale, width * self.scale, 3), np.uint8)
        outputs = empty_extra_outputs(self._model, count)
        try:
            for index, array in enumerate((image, *extra)):
                request.set_input_tensor(index, self._tensor(array, shared_memory=True))
            for index, array in enumerate((result, *outputs.values())):
                request.set_output_tensor(index, self._tensor(array, shared_memory=True))
            request.start_async()
            while not request.wait_for(_POLL_MS):
                if token.cancelled:
                    raise CancelledError
        except BaseException:  # the engine must let go of our arrays before they die
            with suppress(RuntimeError):  # "was canceled"
                request.cancel()
                request.wait()
            self._compiled, self._local = None, threading.local()
            raise
        if tuple(request.get_output_tensor(0).shape) != result.shape:
            raise ModelError(f"is not of scale {self.scale}, as it says", path=self._path)
        return result, outputs

    def _request(self) -> Any:
        """This thread's request of a sound model.

        An inference that does not end well leaves nodes of its stream that took up its size and
        others that did not; pictures of the size before would be painted wrongly from then on, so
        the model is compiled anew. No more requests are in work than there are streams: none waits
        behind one that may fail.
        """
        with self._compiling:
            if self._compiled is None:
                self._compiled = self._compile()
                keep_in_children(self._compiled)
            compiled, local = self._compiled, self._local
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        return local.request


def _imported() -> Any:
    """The module without its telemetry.

    That would report every import to a server, from a process forked off a thread, which holds the
    pipes that we write into and has been seen to hang.
    """
    hidden = "openvino_telemetry"
    if "openvino" not in sys.modules and hidden not in sys.modules:
        sys.modules[hidden] = None  # type: ignore[assignment]  # openvino does without it
    try:
        import openvino
    finally:
        if sys.modules.get(hidden, ...) is None:
            del sys.modules[hidden]
    return openvino


@cache
def _core() -> Any:
    """The process's one Core, never freed.

    Every Core's CPU plugin puts an alternate signal stack of its own in place, and the one that it
    found back when it is freed. Of two Cores the later would put back what the earlier has freed,
    and the next signal that Python handles would crash the process.
    """
    openvino = _imported()
    core = openvino.Core()
    _keep_few_kernels(openvino, core)
    return core


def _keep_few_kernels(openvino: Any, core: Any) -> None:
    """Bound what oneDNN, which OpenVINO computes with, keeps of sizes that it met.

    Kernels of the last 1,024 layers of different sizes take more than a picture does. How many it
    keeps an environment variable says, read when it makes its first: of this small network. It is
    not left in the environment, since PyTorch has a oneDNN of its own.
    """
    if _KERNELS in os.environ:
        return
    ops = openvino.opset8
    image = ops.parameter([1, 8, 8, 8], np.float32)
    filters = ops.constant(np.ones((8, 8, 1, 1), np.float32))
    network = openvino.Model(
        [ops.convolution(image, filters, [1, 1], [0, 0], [0, 0], [1, 1])], [image], "kernels"
    )
    os.environ[_KERNELS] = str(KERNELS_KEPT)
    try:
        core.compile_model(network, "CPU")([np.ones((1, 8, 8, 8), np.float32)])
    finally:
        del os.environ[_KERNELS]


def _precision(asked: Precision, capabilities: list[str]) -> str:
    """What the CPU computes in: "auto" is bf16 where it has instructions for it."""
    if asked == "auto":
        return "bf16" if "BF16" in capabilities else "fp32"
    if asked != "fp32" and asked.upper() not in capabilities:
        here = ", ".join(name for name in ("FP32", "BF16", "FP16") if name in capabilities)
        raise ProviderError(
            f"this CPU has no {asked} arithmetic (it has {here.lower()})",
            cure="choose precision auto or fp32",
        )
    return asked


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__

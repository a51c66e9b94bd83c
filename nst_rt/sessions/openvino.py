"""OpenVINO on the CPU, the fastest engine there on every processor measured."""

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

from nst_rt.errors import ModelError, NstError, OutOfMemoryError, ProviderError
from nst_rt.model import ModelFile
from nst_rt.pixels import Pixels
from nst_rt.sessions.extra_tensors import FloatArray, empty_extra_outputs, extra_inputs
from nst_rt.sessions.forks import calling_openvino, keep_in_children
from nst_rt.sessions.limits import Limits
from nst_rt.sessions.memory_use import MemoryUse
from nst_rt.sessions.missing import missing_engine
from nst_rt.sessions.options import Precision
from nst_rt.system.cancellation import CancelToken, current_token, raise_if_cancelled
from nst_rt.system.memory import is_lack_of_memory

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
MEMORY_USE = {
    "fp32": MemoryUse(base=32, per_width=304),
    "bf16": MemoryUse(base=25, per_width=150),
    "fp16": MemoryUse(base=25, per_width=150),
}
"""By precision; fp16 has not been measured, its features have as many bytes as those of bf16."""
KERNELS_KEPT = 16
"""Number of compiled kernels in oneDNN's cache. Layers keep those of the current size anyway."""
_KERNELS = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
_POLL_MS = 100
"""Milliseconds between two looks for signals and for a cancellation."""


class OpenVinoSession:
    """One compiled model, one inference request per thread."""

    device = "cpu"
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
        self._path, self._model = model.path, model
        core = _core()
        self.precision = _precision(
            precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        )
        self.memory_per_pixel = MEMORY_USE[self.precision].per_pixel(model.width)
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

    def run(self, image: Pixels, out: Pixels | None = None) -> Pixels:
        """Paint uint8 N×H×W×3; the engine writes into the array that is returned."""
        return self._run(image, out, {})[0]

    def run_all(self, image: Pixels, **inputs: FloatArray) -> tuple[Pixels, dict[str, FloatArray]]:
        return self._run(image, None, inputs)

    def pinned(self, *shape: int) -> Pixels:
        return np.empty(shape, np.uint8)

    def _run(
        self, image: Pixels, out: Pixels | None, inputs: dict[str, FloatArray]
    ) -> tuple[Pixels, dict[str, FloatArray]]:
        extra = extra_inputs(self._model, len(image), inputs)
        token = current_token()
        while not self._turns.acquire(timeout=_POLL_MS / 1000):
            raise_if_cancelled()
        try:
            raise_if_cancelled()
            with calling_openvino():
                return self._infer(self._request(), image, out, extra, token)
        except RuntimeError as error:
            raise self._failed("cannot paint with it", error) from error
        finally:
            self._turns.release()

    def release(self) -> None:
        """Drop the compiled model, as only that frees its memory; the next picture compiles it."""
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
        self,
        request: Any,
        image: Pixels,
        out: Pixels | None,
        extra: list[FloatArray],
        token: CancelToken,
    ) -> tuple[Pixels, dict[str, FloatArray]]:
        if not image.flags.writeable:  # OpenVINO only reads it, and still refuses it
            image = image.copy()
        count, height, width, _ = image.shape
        scale = self._model.scale
        shape = count, height * scale, width * scale, 3
        result = out if out is not None and out.shape == shape else np.empty(shape, np.uint8)
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
            raise ModelError(f"is not of scale {scale}, as it says", path=self._path)
        return result, outputs

    def _request(self) -> Any:
        """Return this thread's inference request of an intact compiled model.

        A failed or cancelled inference leaves some nodes of its stream set up for its size and
        others for the size before, of which pictures would be painted wrongly from then on; so
        the model is compiled again. No more requests run than there are streams: none waits behind
        one that may fail.
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
    """Import openvino without its telemetry.

    Telemetry reports every import to a server, from a process that a thread forks. That process
    holds the pipes that we write into, and has been seen to hang.
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
    """Return the process's only Core, which is never freed.

    A Core's CPU plugin installs an alternate signal stack, and restores the previous one when it
    is freed. The later of two Cores would restore the stack that the earlier one has freed, and
    the next signal that Python handles would crash the process.
    """
    openvino = _imported()
    core = openvino.Core()
    _keep_few_kernels(openvino, core)
    return core


def _keep_few_kernels(openvino: Any, core: Any) -> None:
    """Bound the kernel cache of oneDNN, with which OpenVINO computes.

    By default it keeps the kernels of 1,024 layers of different sizes, which take more memory than
    a picture. An environment variable sets the number, and is read when the first kernel is made:
    for this small network. It is not left in the environment, since PyTorch has its own oneDNN.
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
    """Return the precision to compute in; "auto" is bf16 if the CPU has instructions for it."""
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

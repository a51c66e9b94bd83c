"""ONNX Runtime on the CPU, the base class for its other execution providers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ModelError, NstError, OutOfMemoryError, ProviderError
from nst_rt.model import ModelFile
from nst_rt.ops import build_library
from nst_rt.pixels import Pixels
from nst_rt.sessions.extra_tensors import FloatArray, extra_inputs
from nst_rt.sessions.forks import keep_in_children
from nst_rt.sessions.limits import Limits
from nst_rt.sessions.memory_use import MemoryUse
from nst_rt.sessions.missing import missing_engine
from nst_rt.sessions.options import Precision
from nst_rt.sessions.placement import RECORD_PLACEMENT
from nst_rt.system.cancellation import current_token, run_interruptible
from nst_rt.system.memory import is_lack_of_memory

MEMORY_USE = {
    "fp32": MemoryUse(base=85, per_width=1180),
    "fp16": MemoryUse(base=50, per_width=550),
}
"""By precision; fp16 is that of fused operators."""
_POLL_S = 0.1
"""Seconds between two looks for a cancellation while a caller waits for its turn."""


class OnnxRuntimeSession:
    """ONNX Runtime's CPU provider, which computes in float32; fused operators compute in fp16."""

    device = "cpu"
    limits: Limits | None = None
    nodes: Mapping[str, int] = MappingProxyType({})
    _provider = "CPUExecutionProvider"
    _complaint, _cure = "ONNX Runtime cannot paint with it", ""

    def __init__(
        self, model: ModelFile, *, precision: Precision, threads: int, parallel: int = 1
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            extra = "cpu" if self.device == "cpu" else "cuda"
            raise missing_engine("onnxruntime", extra, error) from error
        self._path, self._model = model.path, model
        self._prepare(model, onnxruntime)
        self.precision = self._precision(model, precision)
        self.threads = threads
        # the threads of callers compute too, beside the pool that they share
        at_once = min(parallel, threads)
        self._turns = threading.Semaphore(at_once)
        self._pool_threads = threads - at_once + 1
        self._onnxruntime, self._run_options = onnxruntime, onnxruntime.RunOptions
        self._session = self._load(self._options(model))
        self.provider = f"ONNX Runtime {onnxruntime.__version__} {self._provider}"
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    @property
    def memory_per_pixel(self) -> float:
        return MEMORY_USE[self.precision].per_pixel(self._model.width)

    def run(self, image: Pixels, out: Pixels | None = None) -> Pixels:
        """Paint uint8 N×H×W×3 into a new array; Ctrl-C and a cancellation end it inside the run."""
        return self.run_all(image)[0]

    def run_all(self, image: Pixels, **inputs: FloatArray) -> tuple[Pixels, dict[str, FloatArray]]:
        extra = extra_inputs(self._model, len(image), inputs)
        options = self._run_options()

        def terminate() -> None:
            options.terminate = True

        with current_token().on_cancel(terminate):
            return run_interruptible(partial(self._infer, image, extra, options), terminate)

    def release(self) -> None:
        options = self._run_options()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        if self._model.fixed_size is None:
            with suppress(OutOfMemoryError):
                image = np.zeros((1, 1, 1, 3), np.uint8)
                self._infer(image, extra_inputs(self._model, 1, {}), options)

    def pinned(self, *shape: int) -> Pixels:
        return np.empty(shape, np.uint8)

    def close(self) -> None:
        del self._session

    def _load(self, options: dict[str, str], sizes: Mapping[str, int] | None = None) -> Any:
        """Open an `InferenceSession`.

        Args:
            options: the execution provider's.
            sizes: overrides of the model's free dimensions, by name; the others stay free.
        """
        settings = self._onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self._pool_threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 4  # its exceptions say as much as its log
        settings.enable_mem_pattern = False  # it would keep a block for every size
        # idle workers sleep: spinning gains nothing here and takes a core from other programs
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.add_session_config_entry(RECORD_PLACEMENT, "1")
        if self._model.fused:
            library = build_library("cuda" if self.device == "cuda" else "cpu")
            settings.register_custom_ops_library(str(library))
        for name, size in (sizes or {}).items():
            settings.add_free_dimension_override_by_name(name, size)
        try:
            session = self._onnxruntime.InferenceSession(
                self._model.data,
                settings,
                providers=self._providers(options),
                enable_fallback=0,
            )
        except Exception as error:  # its exceptions share no base class of their own
            raise self._refused(error) from error
        keep_in_children(session)
        # ONNX Runtime silently drops a provider whose libraries do not load
        if session.get_providers()[0] != self._provider:
            raise ProviderError(
                f"{self._provider} was asked for, {session.get_providers()[0]} came",
                cure='pip install "nst-rt[cuda]" and check the driver, CUDA and cuDNN',
            )
        return session

    def _infer(
        self, image: Pixels, extra: list[FloatArray], options: Any
    ) -> tuple[Pixels, dict[str, FloatArray]]:
        painting, *others = self._outputs(image, extra, options)
        names = (spec.name for spec in self._model.outputs[1:])
        return painting, dict(zip(names, others, strict=True))

    def _outputs(
        self, image: NDArray[Any], extra: list[FloatArray], options: Any
    ) -> list[NDArray[Any]]:
        names = (spec.name for spec in self._model.inputs)
        while not self._turns.acquire(timeout=_POLL_S):
            if options.terminate:
                raise CancelledError
        try:
            feed = dict(zip(names, (image, *extra), strict=True))
            return [np.asarray(output) for output in self._session.run(None, feed, options)]
        except Exception as error:  # its exceptions share no base class of their own
            if options.terminate:
                raise CancelledError from error
            raise self._failed(error) from error
        finally:
            self._turns.release()

    def _prepare(self, model: ModelFile, onnxruntime: Any) -> None:
        """Prepare the provider, and raise errors that are known before the model is loaded."""

    def _options(self, model: ModelFile) -> dict[str, str]:
        """Return the execution provider's options."""
        return {}

    def _providers(self, options: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
        """Return the provider and those that compute the nodes it does not take, with options."""
        return [(self._provider, options)]

    def _precision(self, model: ModelFile, asked: Precision) -> str:
        if model.fused and asked in ("auto", "fp16"):
            return "fp16"  # of the features between two operators
        if asked not in ("auto", "fp32"):
            raise ProviderError(
                f"ONNX Runtime has no {asked} arithmetic on the CPU",
                cure="choose precision fp32, or device openvino for bf16",
            )
        return "fp32"

    def _refused(self, error: Exception) -> NstError:
        """Translate an error of ONNX Runtime while it loads the model."""
        if is_lack_of_memory(str(error)):
            return OutOfMemoryError()
        return ModelError(
            f"ONNX Runtime cannot run it ({_first(error)})",
            path=self._path,
            cure="export it again",
        )

    def _failed(self, error: Exception) -> NstError:
        """Translate an error of ONNX Runtime while it paints."""
        if is_lack_of_memory(str(error)):
            return OutOfMemoryError()
        return ModelError(f"{self._complaint} ({_first(error)})", path=self._path, cure=self._cure)


def _first(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else repr(error)

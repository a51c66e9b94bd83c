"""TensorRT engines on the GPU: loading them, and launches for pictures of one size."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from nst_rt.errors import ModelError, NstError, OutOfMemoryError, ProviderError
from nst_rt.nvidia.context import CudaContext
from nst_rt.nvidia.graphs import Graph
from nst_rt.nvidia.kernels import use_kernel_cache
from nst_rt.nvidia.memory import DeviceBuffer, Stream
from nst_rt.nvidia.tensorrt_log import (
    ErrorRule,
    collect_messages,
    error_from,
    error_rules,
    shared_logger,
    take_recent_errors,
)

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)

Shape = tuple[int, ...]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Engine:
    """A deserialized engine with one picture in, one painting out, and a few extra tensors.

    All launches follow one another on `stream` and share one block of GPU memory, which is as large
    as the largest picture until now needs.

    Args:
        trt: the library's module.
        title: the library's name in messages.
        plan: the engine's bytes. They are code: the caller has to trust them.
        cuda: the context in which it runs.
        compiles_on_gpu: whether the library compiles kernels when it runs an engine, and captures
            CUDA graphs by itself.
        extra: names and shapes of the extra tensors, float32.
        kernels: file that keeps those kernels; None keeps none.

    Raises:
        ModelError: the library cannot read it, it is for another GPU, or has other tensors.
        ProviderError: the library does not start, or has too little memory.
    """

    def __init__(
        self,
        trt: ModuleType,
        title: str,
        plan: bytes,
        cuda: CudaContext,
        *,
        compiles_on_gpu: bool,
        extra: Mapping[str, Shape] = _NOTHING,
        kernels: Path | None = None,
    ) -> None:
        self.cuda, self.title, self.captures = cuda, title, not compiles_on_gpu
        cuda.make_current()
        self.stream = Stream(cuda)
        cuda.track_engine(self)
        self._engine = _deserialize(trt, title, plan)
        self._config = _config(trt, self._engine)
        if compiles_on_gpu:
            self._kernels = use_kernel_cache(trt, self._config, kernels, owner=self)
        self._image, self._painting = _picture_names(trt, self._engine, extra)
        self._workspace: DeviceBuffer | None = None

    def prepare(
        self, shape: Shape, image: int, painting: int, extra: Mapping[str, DeviceBuffer] = _NOTHING
    ) -> Launch:
        """Return a launch that paints N×H×W×3 from one address on the GPU to another.

        Args:
            shape: the picture's.
            image: the picture's address.
            painting: the painting's address.
            extra: memory of the extra tensors, by name.

        Raises:
            ModelError: the engine does not take that shape.
            ProviderError: there is not enough memory.
        """
        context = self._engine.create_execution_context(self._config)
        if not (
            context
            and context.set_input_shape(self._image, shape)
            and context.set_tensor_address(self._image, image)
            and context.set_tensor_address(self._painting, painting)
            and all(
                context.set_tensor_address(name, int(buffer.address))
                for name, buffer in extra.items()
            )
        ):
            raise error_from(take_recent_errors(), self.title, _PAINTING)
        workspace = self._shared_workspace(context.update_device_memory_size_for_shapes())
        context.set_device_memory(int(workspace.address), workspace.size)
        return Launch(self, context, workspace, extra)

    def release(self) -> None:
        """Free the block of memory, as soon as no launch uses it."""
        self._workspace = None

    def _shared_workspace(self, size: int) -> DeviceBuffer:
        """Return the block that launches share; earlier launches keep the smaller one before it."""
        if self._workspace is None or self._workspace.size < size:
            self._workspace = None  # freed first, where nobody else holds it
            self._workspace = DeviceBuffer(self.cuda, size)
        return self._workspace


class Launch:
    """An execution context for one shape and its addresses, and the CUDA graph captured from it.

    Each launch has its own: a change to a context spoils the graph that was captured from it.
    """

    def __init__(
        self,
        engine: Engine,
        context: trt.IExecutionContext,
        workspace: DeviceBuffer,
        extra: Mapping[str, DeviceBuffer],
    ) -> None:
        self._engine, self._workspace, self._extra = engine, workspace, extra
        self._context = context
        self._captures, self._warm = engine.captures, False
        self._graph: Graph | None = None
        # work in the stream needs all of them
        cuda, stream = engine.cuda, engine.stream
        cuda.track_engine(self)
        cuda.finalize_with(self, cuda.driver.cuStreamSynchronize, stream.handle, stream)

    def start(self) -> None:
        """Queue the painting. The first call lets TensorRT prepare, the second captures a graph.

        Raises:
            ProviderError: the GPU or the library fails.
        """
        if self._graph is None and self._warm and self._captures:
            self._captures = False  # tried once
            try:
                self._graph = Graph(self._engine.cuda, self._engine.stream, self._enqueue)
            except NstError as error:
                logger.info("launched kernel by kernel, a CUDA graph is refused: %s", error)
        if self._graph:
            self._graph.launch(self._engine.stream)
        else:
            self._enqueue()
            self._warm = True

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(int(self._engine.stream.handle)):
            self._engine.cuda.leak_engines_if_lost()
            raise error_from(take_recent_errors(), self._engine.title, _PAINTING)


def _deserialize(trt: ModuleType, title: str, plan: bytes) -> trt.ICudaEngine:
    with collect_messages() as messages:
        try:
            run_time = trt.Runtime(shared_logger(trt))
        except TypeError as error:  # what a null pointer becomes
            raise error_from(messages, title, _LOADING) from error
        engine = run_time.deserialize_cuda_engine(plan)  # keeps a reference to the run time
        if engine is None:
            raise error_from(messages, title, _LOADING)
        return engine


def _config(trt: ModuleType, engine: trt.ICudaEngine) -> trt.IRuntimeConfig:
    """Configure contexts without memory: each would take as much as the largest picture needs."""
    config = engine.create_runtime_config()
    ours = trt.ExecutionContextAllocationStrategy.USER_MANAGED
    config.set_execution_context_allocation_strategy(ours)
    return config


def _picture_names(
    trt: ModuleType, engine: trt.ICudaEngine, extra: Mapping[str, Shape]
) -> tuple[str, str]:
    """Return the names of the picture and the painting.

    Raises:
        ModelError: there are others, or other extra tensors than `extra`.
    """
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    outputs = [name for name in names if name not in inputs]
    found = {name: tuple(engine.get_tensor_shape(name)) for name in names if name in extra}
    image, painting = ([name for name in side if name not in extra] for side in (inputs, outputs))
    if len(image) != 1 or len(painting) != 1 or found != extra:
        tensors = f"{', '.join(inputs) or 'nothing'} → {', '.join(outputs) or 'nothing'}"
        with_extra = ", with the statistics that its side-car describes" if extra else ""
        raise ModelError(f"is not 1 picture in, 1 picture out{with_extra} ({tensors})")
    return image[0], painting[0]


_AGAIN = "build it again: nst-rt export MODEL.onnx OUT.engine"
_DETAILS = "the log at level DEBUG (-vv) has all of its messages"
_SHARED = (
    (
        r"OutOfMemory|out of memory|MEM_ALLOC_FAILED",
        OutOfMemoryError, "{name} needs more GPU memory than is free",
        "close what else uses the GPU, or build the engine for smaller pictures (--max)",
    ),
    (
        r"driver version is insufficient|no CUDA-capable device|CUDA initialization failure",
        ProviderError, "{name} finds no GPU with a driver that is new enough",
        "update NVIDIA's driver, or give the .onnx file that the engine was built from",
    ),
)  # fmt: skip
_LOADING: tuple[ErrorRule, ...] = error_rules(
    *_SHARED,
    (
        r"expecting compute ([\d.]+) got compute ([\d.]+)",
        ModelError, "was built for compute capability {0}, here is {1}", _AGAIN,
    ),
    (
        r"Serialization \(|magicTag|Version tag|INVALID_ENGINE|MALFORMED",
        ModelError, "is no engine that {name} can read", _AGAIN,
    ),
    (r"([^\n]*)", ModelError, "{name} cannot load it ({0})", _DETAILS),
)  # fmt: skip
_PAINTING: tuple[ErrorRule, ...] = error_rules(
    *_SHARED,
    (r"Cuda \w+ \(([^\n]*)\)", ProviderError, "{name} cannot paint ({0})", ""),
    (r"([^\n]*)", ProviderError, "{name} cannot paint ({0})", _DETAILS),
)  # fmt: skip

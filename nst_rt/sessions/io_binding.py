"""A session of ONNX Runtime on a GPU, and the addresses in GPU memory that it is bound to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from nst_rt.errors import NstError
from nst_rt.sessions.in_flight import Shape
from nst_rt.sessions.launcher import Launcher

IO_BINDINGS_KEPT = 16
"""Number of I/O bindings that are remembered: a program has few pictures in flight and few arrays
of its own, and uses them in turn."""


class DeviceTensor(NamedTuple):
    """An input or output of a model, and its address in GPU memory."""

    name: str
    dtype: Any
    shape: Shape
    address: int


class IoAddresses(NamedTuple):
    """All inputs and outputs of one run, the picture and the painting first."""

    inputs: tuple[DeviceTensor, ...]
    outputs: tuple[DeviceTensor, ...]


class IoBindingSession:
    """Launches runs of an ONNX Runtime session one after another on the stream that it was given.

    Args:
        session: of ONNX Runtime.
        new_options: makes the options of a run.
        failed: translates an error of ONNX Runtime.
        launcher: makes all runs.
        captures: whether all kernels of a run are launched as one CUDA graph. A graph holds
            addresses: each set has its own, captured when the addresses are used again.
    """

    def __init__(
        self,
        session: Any,
        new_options: Callable[[], Any],
        failed: Callable[[Exception], NstError],
        launcher: Launcher,
        *,
        captures: bool,
    ) -> None:
        self._session, self._new_options, self._captures = session, new_options, captures
        self._failed, self._launcher = failed, launcher
        self._graph_ids = itertools.count(1)
        self._without_graph = self._options(graph_id=-1)
        self._bindings: dict[IoAddresses, _GraphBinding] = {}

    def run(self, addresses: IoAddresses, *, shrinks: bool = False) -> None:
        """Launch a run; callers that need the painting wait for it on the stream.

        If it `shrinks`, ONNX Runtime frees all memory that it keeps for later pictures.
        """
        try:
            self._launcher.call(partial(self._launch, addresses, shrinks=shrinks))
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise self._failed(error) from error

    def close(self) -> None:
        """Free the session as soon as its launched runs are done."""
        self._bindings.clear()
        self._session = None

    def _launch(self, addresses: IoAddresses, *, shrinks: bool) -> None:
        known = self._bindings.pop(addresses, None)
        binding = known or self._bind(addresses)
        self._bindings[addresses] = binding
        if len(self._bindings) > IO_BINDINGS_KEPT:
            self._forget(next(iter(self._bindings)))
        with_graph = known and self._captures
        options = self._options(binding.graph_id) if with_graph else self._without_graph
        if shrinks:
            options = self._options(graph_id=-1)
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "gpu:0")
        self._session.run_with_iobinding(binding.binding, options)

    def _bind(self, addresses: IoAddresses) -> _GraphBinding:
        binding = self._session.io_binding()
        for name, dtype, shape, address in addresses.inputs:
            binding.bind_input(name, "cuda", 0, dtype, shape, address)
        for name, dtype, shape, address in addresses.outputs:
            binding.bind_output(name, "cuda", 0, dtype, shape, address)
        return _GraphBinding(binding, next(self._graph_ids))

    def _options(self, graph_id: int) -> Any:
        options = self._new_options()
        # our events report when a run is done
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        options.add_run_config_entry("gpu_graph_id", str(graph_id))
        return options

    def _forget(self, addresses: IoAddresses) -> None:
        graph_id = self._bindings.pop(addresses).graph_id
        if hasattr(self._session, "release_captured_graph"):  # from ONNX Runtime 1.30 on
            self._session.release_captured_graph(graph_id)


class _GraphBinding(NamedTuple):
    """An I/O binding of ONNX Runtime, and the number of its CUDA graph."""

    binding: Any
    graph_id: int

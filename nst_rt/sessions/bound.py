"""A session of ONNX Runtime on a GPU, and the places in GPU memory that it is bound to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from nst_rt.errors import NstError
from nst_rt.sessions.in_flight import Shape

PLACES_KEPT = 16
"""Pictures in flight and a program's own arrays come in turn, and are few."""


class Tensor(NamedTuple):
    """An input or output of a model, and where on the GPU it lies."""

    name: str
    dtype: Any
    shape: Shape
    address: int


class Place(NamedTuple):
    """Where a picture and a painting lie, and what else the model takes and gives."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class BoundSession:
    """Runs one after another on the stream that the session was given.

    Args:
        session: of ONNX Runtime.
        new_options: makes the options of a run.
        failed: what an error of ONNX Runtime is raised as.
        captures: whether all kernels of a run are launched as one CUDA graph. A graph holds
            addresses: each place has its own, captured when the place comes again.
    """

    def __init__(
        self,
        session: Any,
        new_options: Callable[[], Any],
        failed: Callable[[Exception], NstError],
        *,
        captures: bool,
    ) -> None:
        self._session, self._new_options, self._captures = session, new_options, captures
        self._failed = failed
        self._numbers = itertools.count(1)
        self._plain = self._options(graph=-1)
        self._bound: dict[Place, _Binding] = {}

    def run(self, place: Place, *, shrinks: bool = False) -> None:
        """Begin to paint; whoever needs the painting waits for it on the stream.

        It `shrinks` if ONNX Runtime is to free all that it keeps for later pictures.
        """
        try:
            self._begin(place, shrinks=shrinks)
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise self._failed(error) from error

    def close(self) -> None:
        """Free it, when what it has begun is done."""
        self._bound.clear()
        self._session = None

    def _begin(self, place: Place, *, shrinks: bool) -> None:
        again = self._bound.pop(place, None)
        bound = again or self._bind(place)
        self._bound[place] = bound
        if len(self._bound) > PLACES_KEPT:
            self._forget(next(iter(self._bound)))
        options = self._options(bound.graph) if again and self._captures else self._plain
        if shrinks:
            options = self._options(graph=-1)
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "gpu:0")
        self._session.run_with_iobinding(bound.binding, options)

    def _bind(self, place: Place) -> _Binding:
        binding = self._session.io_binding()
        for name, dtype, shape, address in place.inputs:
            binding.bind_input(name, "cuda", 0, dtype, shape, address)
        for name, dtype, shape, address in place.outputs:
            binding.bind_output(name, "cuda", 0, dtype, shape, address)
        return _Binding(binding, next(self._numbers))

    def _options(self, graph: int) -> Any:
        options = self._new_options()
        # our events say when it is done
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        options.add_run_config_entry("gpu_graph_id", str(graph))
        return options

    def _forget(self, place: Place) -> None:
        graph = self._bound.pop(place).graph
        if hasattr(self._session, "release_captured_graph"):  # from ONNX Runtime 1.30 on
            self._session.release_captured_graph(graph)


class _Binding(NamedTuple):
    binding: Any
    graph: int
    """The number of its CUDA graph."""

"""The ways to paint: PyTorch's, and ours through every engine that is installed."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import torch
from onnx import ModelProto
from torch import Tensor

from benchmarks.gpu.device import Addressed, Device
from benchmarks.gpu.timing import Frame
from benchmarks.styles import shipped
from nst_export.bfloat import bfloat_graph
from nst_export.forms import FORMS
from nst_export.fused import fused_graph
from nst_export.graph import style_graph
from nst_export.half import half_graph
from nst_rt.model import PREFIX, read_model
from nst_rt.nvidia.tensorrt import BackendName
from nst_rt.pixels import Pixels
from nst_rt.sessions import SessionOptions, open_session
from nst_train.network import StyleNetwork, paint
from nst_train.style_file import load_style

IN_FLIGHT = 3
OnTensor = Callable[[Tensor], Tensor]
Flavour = Literal["fp16", "bf16"]


@dataclass(frozen=True)
class Way:
    """One way to paint one picture again and again.

    `on_device` is given nothing and gives the painting in the GPU's memory; `from_pageable` and
    `from_pinned` begin to paint from the host and keep pictures in flight; `run` waits for each.
    """

    on_device: Callable[[], Tensor]
    from_pageable: Frame
    from_pinned: Frame
    run: Callable[[], Pixels]
    close: Callable[[], object]


class Style:
    """A shipped style as a network and as files."""

    def __init__(self, name: str, device: Device, scratch: Path) -> None:
        self.card, self.device, self.scratch = shipped(name), device, scratch
        self.network, _ = load_style(self.card.file("checkpoint"))

    @cached_property
    def exact(self) -> OnTensor:
        """PyTorch in float32, the reference of all ways."""
        return on_torch(self.network, torch.float32, self.device)

    def one_size(self, height: int, width: int, flavour: Flavour = "fp16") -> Path:
        """Write the model for pictures of this size alone; in bfloat16 it is for engines only."""
        graph = bfloat_graph if flavour == "bf16" else partial(style_graph, flavour=flavour)
        kind = f"{width}x{height}-{flavour}"
        return self._written(kind, partial(graph, size=(height, width)), flavour=flavour)

    def formed(self, name: str, height: int, width: int) -> Path:
        """Write a form of the model, for pictures of this size alone."""
        form = FORMS[name]
        graph = partial(half_graph, form=form, size=(height, width))
        return self._written(f"{name}-{width}x{height}", graph, layout=form.layout)

    def fused(self) -> Path:
        """Write the model with operators of our own, for pictures of any size."""
        return self._written("fused", fused_graph, variant="fused")

    def _written(self, kind: str, graph: Callable[..., ModelProto], **facts: str) -> Path:
        path = self.scratch / f"{self.card.name}-{kind}.onnx"
        if not path.exists():
            # what the file says of itself decides how it is run
            all_facts = {**read_model(self.card.file("fp16")).metadata, **facts}
            metadata = {PREFIX + key: value for key, value in all_facts.items()}
            path.write_bytes(graph(self.network, metadata).SerializeToString())
        return path


@dataclass(frozen=True)
class Maker:
    """A function that opens a way for a style and a size, and about how long that takes."""

    kind: Literal["torch", "session"]
    make: Callable[[Style, int, int], Any]
    """A function on tensors, or a session."""
    guess_s: float = 10.0

    @property
    def compiles(self) -> bool:
        """Whether something is compiled first."""
        return self.guess_s > 10

    def open(self, style: Style, image: Pixels) -> Way:
        made = self.make(style, *image.shape[1:3])
        if self.kind == "torch":
            return torch_way(made, image, style.device)
        return session_way(made, image, style.device)


def on_torch(network: StyleNetwork, dtype: torch.dtype, device: Device) -> OnTensor:
    """Return PyTorch's way, on pictures that are on the device."""
    twin = StyleNetwork(network.config).to(device.place).eval()
    twin.load_state_dict(network.state_dict())
    twin = twin.to(dtype)
    if dtype == torch.float16:
        twin = twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def painter(image: Tensor) -> Tensor:
        return paint(twin, image)

    return painter


def compiled(style: Style, height: int, width: int) -> OnTensor:
    """Return PyTorch's compiler with CUDA graphs, in float16, channels_last."""
    half = on_torch(style.network, torch.float16, style.device)
    # fixed sizes: else the second size would be compiled for any size, which is slower
    fast: OnTensor = torch.compile(half, mode="reduce-overhead", dynamic=False)

    def painter(image: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()  # the painting before this one is done with
        return fast(image)

    return painter


def file_session(flavour: str, device: str = "cuda") -> Callable[[Style, int, int], Any]:
    """Return a maker of our session on a shipped file."""

    def make(style: Style, height: int, width: int) -> Any:
        return open_session(read_model(style.card.file(flavour)), SessionOptions(device=device))  # type: ignore[arg-type]

    return make


def fused_session(style: Style, height: int, width: int) -> Any:
    """Open our session on a file with operators of our own, which are compiled first."""
    return open_session(read_model(style.fused()), SessionOptions(device="cuda"))


def form_session(name: str) -> Callable[[Style, int, int], Any]:
    """Return a maker of our session on a form of the model."""

    def make(style: Style, height: int, width: int) -> Any:
        return open_session(
            read_model(style.formed(name, height, width)), SessionOptions(device="cuda")
        )

    return make


def one_size_session(style: Style, height: int, width: int) -> Any:
    """Open our session on a file of this size alone."""
    return open_session(read_model(style.one_size(height, width)), SessionOptions(device="cuda"))


def engine_session(
    backend: BackendName, flavour: Flavour = "fp16"
) -> Callable[[Style, int, int], Any]:
    """Return a maker of our session on an engine of one size, which it builds."""

    def make(style: Style, height: int, width: int) -> Any:
        from nst_export.engine import EngineOptions, build_engine

        source = style.one_size(height, width, flavour)
        target = source.with_name(f"{source.stem}-{backend}.engine")
        if not target.exists():
            build_engine(source, target, EngineOptions(backend=backend))
        return open_session(read_model(target), SessionOptions(device="cuda"))

    return make


EAGER = "PyTorch eager, fp32"
COMPILED = "torch.compile, fp16, channels_last, CUDA graphs"
FUSED = "nst-rt, ONNX Runtime CUDA, fused operators, fp16"
ENGINES = {
    "nst-rt, TensorRT engine of one size, fp16": engine_session("tensorrt"),
    "nst-rt, TensorRT engine of one size, bf16": engine_session("tensorrt", "bf16"),
    "nst-rt, TensorRT-RTX engine of one size, fp16": engine_session("tensorrt-rtx"),
}
MAKERS: dict[str, Maker] = {
    EAGER: Maker("torch", lambda style, height, width: style.exact),
    "PyTorch eager, fp16, channels_last": Maker(
        "torch",
        lambda style, height, width: on_torch(style.network, torch.float16, style.device),
    ),
    COMPILED: Maker("torch", compiled, 60),
    "nst-rt, ONNX Runtime CUDA, shipped fp16": Maker("session", file_session("fp16")),
    FUSED: Maker("session", fused_session, 60),
    "nst-rt, ONNX Runtime CUDA, fp16 of one size": Maker("session", one_size_session),
    "nst-rt, ONNX Runtime CUDA, shipped fp32": Maker("session", file_session("fp32")),
    **{name: Maker("session", make, 60) for name, make in ENGINES.items()},
    "nst-rt, ONNX Runtime TensorRT, shipped fp16": Maker(
        "session", file_session("fp16", "tensorrt"), 60
    ),
}
"""All ways by their names in tables, the most important first."""
FORM_MAKERS = {
    f"nst-rt, ONNX Runtime CUDA, form of one size: {name}": Maker("session", form_session(name))
    for name in FORMS
}
"""Other forms of the graph (docs/decisions/0017-cuda-forms.md)."""


def torch_way(painter: OnTensor, image: Pixels, device: Device) -> Way:
    """Return PyTorch's way on one picture."""
    host = torch.from_numpy(image)
    here = host.to(device.place)
    slots = itertools.cycle(_slots(host, device))

    def from_pageable() -> Tensor:
        return painter(torch.from_numpy(image).to(device.place)).cpu()

    def from_pinned() -> None:
        source, target, done = next(slots)
        done.synchronize()
        target.copy_(painter(source.to(device.place, non_blocking=True)), non_blocking=True)
        done.record()

    return Way(
        on_device=lambda: painter(here),
        from_pageable=from_pageable,
        from_pinned=from_pinned,
        run=lambda: from_pageable().numpy(),
        close=lambda: None,
    )


def _slots(host: Tensor, device: Device) -> Iterator[tuple[Tensor, Tensor, Any]]:
    """Yield for each picture in flight its buffer, that of its painting, and the event of both."""
    for _ in range(IN_FLIGHT):
        yield device.pinned(host), device.pinned(torch.empty_like(host)), device.event()


def session_way(session: Any, image: Pixels, device: Device) -> Way:
    """Return our session's way on one picture."""
    here = torch.from_numpy(image).to(device.place)
    painting = torch.empty_like(here)
    places = Addressed(here), Addressed(painting)

    def on_device() -> Tensor:
        session.paint_on_device(*places, stream=device.stream)
        return painting

    return Way(
        on_device=on_device,
        from_pageable=from_pageable(session, image),
        from_pinned=from_pinned(session, image),
        run=lambda: session.run(image),
        close=session.close,
    )


def from_pageable(session: Any, image: Pixels) -> Frame:
    """Return a function that paints NumPy's array into new ones, several pictures in flight."""
    waiting: deque[Any] = deque()

    def frame() -> object:
        waiting.append(session.submit(image))
        return waiting.popleft().result() if len(waiting) == IN_FLIGHT else None

    return frame


def from_pinned(session: Any, image: Pixels) -> Frame:
    """Return a function that paints between the session's buffers, several pictures in flight."""
    waiting: deque[Any] = deque()
    pairs = []
    for _ in range(IN_FLIGHT):
        source, target = session.pinned(*image.shape), session.pinned(*image.shape)
        source[...] = image
        pairs.append((source, target))
    turns = itertools.cycle(pairs)

    def frame() -> object:
        done = waiting.popleft().result() if len(waiting) == IN_FLIGHT else None
        waiting.append(session.submit(*next(turns)))
        return done

    return frame

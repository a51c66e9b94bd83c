"""How fast is a shipped style on this GPU, and does every way paint what PyTorch paints?

    python -m benchmarks.gpu --photos FOLDER [STYLE] [--quick]

With whatever is installed: PyTorch eager in float32 and float16, torch.compile with CUDA graphs,
and our session on ONNX Runtime, from the shipped file of any size and from one of this size alone,
which is launched as a CUDA graph. uint8 N×H×W×3 in and out for all. Pictures lie in the GPU's
memory, or in the host's, from where three are kept in flight. Frames per second stand beside the
physical floor: the operations and bytes that the network cannot do without, at the rates that a
matrix product and a copy reach here.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks import measure
from benchmarks.photos import fit
from nst_export.graph import style_graph
from nst_export.verification import compare
from nst_rt import zoo
from nst_rt.errors import NstError, ProviderError, UsageError
from nst_rt.model import read_model
from nst_rt.sessions import open_session
from nst_train.network import ResidualBlock, StyleNetwork, paint
from nst_train.photos import find_photos
from nst_train.style_file import load_style

SIZES = ((720, 1280), (1080, 1920), (2160, 3840))
"""Heights and widths."""
IN_FLIGHT = 3
SECONDS = 0.4
"""How long one candidate paints in one round."""
EAGER, HALF = "PyTorch eager, float32", "PyTorch eager, float16, channels_last"
COMPILED = "torch.compile, float16, channels_last, CUDA graphs"
SHIPPED, ONE_SIZE = "nst-rt, ONNX Runtime, shipped fp16", "nst-rt, ONNX Runtime, fp16 of one size"

Frame = Callable[[], object]
"""Paints one picture, or begins to."""


@dataclass(frozen=True)
class Work:
    """What painting one picture takes at the least."""

    macs: int
    """Multiplications with an addition."""
    bytes: int
    """float16 activations: every convolution and normalization reads and writes once."""

    def floor_s(self, operations_per_s: float, bytes_per_s: float) -> float:
        return max(2 * self.macs / operations_per_s, self.bytes / bytes_per_s)


def work(network: StyleNetwork, height: int, width: int) -> Work:
    """Count a network's work on one picture."""
    twin = StyleNetwork(network.config).to("meta")
    doubled = [layer.conv for layer in twin.up]  # their enlarged inputs need not be in memory
    macs = moved = 0

    def count(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal macs, moved
        read = inputs[0].numel() // (4 if module in doubled else 1)
        if isinstance(module, ResidualBlock):
            moved += 2 * read  # once more, for the sum
            return
        moved += 2 * (read + output.numel())
        if isinstance(module, nn.Conv2d):
            macs += output.numel() * module.weight[0].numel()

    for module in twin.modules():
        if isinstance(module, nn.Conv2d | nn.InstanceNorm2d | ResidualBlock):
            module.register_forward_hook(count)  # type: ignore[arg-type]
    twin(torch.empty(1, 3, height, width, device="meta"))
    return Work(macs, moved)


def ceilings(device: torch.device) -> tuple[float, float]:
    """Operations per second of a large float16 product, bytes per second of a large copy."""
    a, b = (torch.randn(8192, 8192, device=device, dtype=torch.float16) for _ in range(2))
    product = _seconds_per_frame(lambda: a @ b, device)
    source, target = (torch.empty(2**30, device=device, dtype=torch.uint8) for _ in range(2))
    copy = _seconds_per_frame(lambda: target.copy_(source), device)
    return 2 * 8192**3 / product, 2 * 2**30 / copy


def on_torch(
    network: nn.Module, dtype: torch.dtype, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """PyTorch's way, on pictures that are on the device."""
    config = network.config
    twin = StyleNetwork(config).to(device).eval()  # type: ignore[arg-type]
    twin.load_state_dict(network.state_dict())
    twin = twin.to(dtype)
    if dtype == torch.float16:
        twin = twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def painter(image: Tensor) -> Tensor:
        return paint(twin, image)

    return painter


def on_device(session: Any, image: Tensor) -> Frame:
    """Our session, from GPU memory into GPU memory."""
    painting = torch.empty_like(image)
    stream = torch.cuda.current_stream(image.device).cuda_stream

    def frame() -> Tensor:
        session.paint_on_device(image, painting, stream=stream)
        return painting

    return frame


def from_host(session: Any, image: NDArray[np.uint8]) -> Frame:
    """Our session, from pageable memory into new arrays, several pictures in flight."""
    waiting: deque[Any] = deque()

    def frame() -> object:
        waiting.append(session.submit(image))
        return waiting.popleft().result() if len(waiting) == IN_FLIGHT else None

    return frame


def rates(frames: dict[str, Frame], device: torch.device, rounds: int) -> dict[str, float]:
    """Median seconds per picture of each candidate, taking turns."""
    counts = {}
    for name, frame in frames.items():
        seconds = _seconds_per_frame(frame, device, least=5)
        counts[name] = max(3, round(SECONDS / seconds))
    calls = {name: _batch(frame, counts[name], device) for name, frame in frames.items()}
    times = measure.interleave(calls, rounds=rounds, warmup=0, pause_s=0)
    return {name: statistics.median(times[name]) / counts[name] for name in frames}


def latency(session: Any, image: NDArray[np.uint8], count: int = 200) -> dict[str, float]:
    """Milliseconds of single pictures, one after the other, host to host."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        session.run(image)
        seconds.append(time.perf_counter() - began)
    marks = (50, 95, 99)
    return {f"p{mark} ms": round(float(np.percentile(seconds, mark)) * 1e3, 3) for mark in marks}


def _batch(frame: Frame, count: int, device: torch.device) -> Callable[[], None]:
    def call() -> None:
        for _ in range(count):
            frame()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return call


def _seconds_per_frame(frame: Frame, device: torch.device, least: int = 20) -> float:
    """Of the second half of some calls; the first half warms up."""
    batch = _batch(frame, least, device)
    batch()
    began = time.perf_counter()
    batch()
    return (time.perf_counter() - began) / least


class Comparison:
    """The ways to paint with one style, opened as far as they are installed."""

    def __init__(self, style: str, device: torch.device, scratch: Path) -> None:
        card = zoo.find(style)
        if card is None:
            raise UsageError(f"no shipped style {style!r}", cure="see nst-rt models")
        self.card, self.device, self.scratch = card, device, scratch
        self.network, _ = load_style(card.file("checkpoint"))
        self.eager = on_torch(self.network, torch.float32, device)
        self.absent: dict[str, str] = {}

    def session(self, name: str, path: Path) -> Any:
        """Our session on a file; None where it does not work, which is noted."""
        try:
            return open_session(read_model(str(path)), device="cuda")
        except NstError as error:
            self.absent[name] = str(error)
            return None

    def sessions(self, height: int, width: int) -> dict[str, Any]:
        """The shipped file, and one of this size alone."""
        path = self.scratch / f"{self.card.name}-{height}.onnx"
        model = style_graph(self.network, {}, flavour="fp16", size=(height, width))
        path.write_bytes(model.SerializeToString())
        pairs = {SHIPPED: self.card.file("fp16"), ONE_SIZE: path}
        found = {name: self.session(name, file) for name, file in pairs.items()}
        return {name: session for name, session in found.items() if session is not None}

    def torch_ways(self, compiled: bool) -> dict[str, Callable[[Tensor], Tensor]]:
        half = on_torch(self.network, torch.float16, self.device)
        ways = {EAGER: self.eager, HALF: half}
        if compiled:
            ways[COMPILED] = torch.compile(half, mode="reduce-overhead")
        return ways

    def parity(self, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """Both shipped files against PyTorch in float32."""
        expected = self.eager(torch.from_numpy(image).to(self.device)).cpu().numpy()
        rows = []
        for flavour in ("fp32", "fp16"):
            session = self.session(flavour, self.card.file(flavour))
            if session is not None:
                found = compare("PyTorch", expected, session.run(image))
                row = {"style": self.card.name, "file": flavour, "largest": found.largest}
                rows.append({**row, "psnr": round(min(found.psnr, 99.0), 1)})
        return rows

    def speed(
        self, image: NDArray[np.uint8], rounds: int, compiled: bool, reached: tuple[float, float]
    ) -> list[dict[str, Any]]:
        """A row for each way at one size."""
        height, width = image.shape[1:3]
        here = torch.from_numpy(image).to(self.device)
        expected = self.eager(here).cpu().numpy()
        floor = work(self.network, height, width).floor_s(*reached)
        sessions = self.sessions(height, width)
        frames: dict[str, Frame] = {
            name: (lambda way=way: way(here)) for name, way in self.torch_ways(compiled).items()
        }
        frames |= {name: on_device(session, here) for name, session in sessions.items()}
        painted = {name: np.asarray(frame().cpu()) for name, frame in frames.items()}  # type: ignore[attr-defined]
        host = {name: from_host(session, image) for name, session in sessions.items()}
        device_s = rates(frames, self.device, rounds)
        host_s = rates(host, self.device, rounds) if host else {}
        rows = []
        for name, seconds in device_s.items():
            row = {
                "size": f"{width}x{height}",
                "way": name,
                "fps": round(1 / seconds, 1),
                "ms": round(seconds * 1e3, 3),
                "of the floor": round(floor / seconds, 3),
                "fps from host": round(1 / host_s[name], 1) if name in host_s else None,
                "psnr": round(min(compare("", expected, painted[name]).psnr, 99.0), 1),
            }
            if name in sessions:
                row |= latency(sessions[name], image)
            rows.append(row)
        for session in sessions.values():
            session.close()
        return rows


@click.command()
@click.argument("style", default="starry-night")
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--quick", is_flag=True, help="One style, two sizes.")
@click.option("--compile/--no-compile", "compiled", default=True, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@measure.results_option
def gpu(style: str, photos: Path, quick: bool, compiled: bool, rounds: int, results: Path) -> None:
    """Time a shipped style on the first GPU beside PyTorch, and hold all of them against it."""
    if not torch.cuda.is_available():
        raise ProviderError("PyTorch finds no CUDA GPU", cure="run it on a machine with one")
    device = torch.device("cuda", 0)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    facts = {**measure.machine(threads=torch.get_num_threads())}
    facts["gpu"] = torch.cuda.get_device_name(device)
    facts["memory_bytes"] = torch.cuda.get_device_properties(device).total_memory
    facts["cuda"] = torch.version.cuda
    reached = ceilings(device)
    photo = find_photos(photos)[0]
    names = [style] if quick else [card.name for card in zoo.cards()]
    rows, parity, absent = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            comparison = Comparison(name, device, Path(folder))
            parity += comparison.parity(fit(photo, 720, 1280)[None])
            if name == style:
                for height, width in SIZES[:2] if quick else SIZES:
                    image = fit(photo, height, width)[None]
                    rows += comparison.speed(image, rounds, compiled, reached)
                    print(measure.markdown(rows[-1:]), flush=True)
            absent |= comparison.absent
    limits = {"operations_per_s": reached[0], "bytes_per_s": reached[1]}
    contents = {"style": style, "limits": limits, "speed": rows, "parity": parity, "absent": absent}
    measure.write_results("gpu", facts, contents, results)
    print(f"{facts['gpu']}, CUDA {facts['cuda']}")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    measure.show(facts, measure.markdown(rows, columns), measure.markdown(parity))
    for name, reason in absent.items():
        print(f"not here: {name}: {reason}")


if __name__ == "__main__":
    measure.run(gpu)

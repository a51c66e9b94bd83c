"""The protocol of an engine's session: everything that a loaded model can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from nst_rt.pixels import Pixels
from nst_rt.sessions.extra_tensors import FloatArray
from nst_rt.sessions.limits import Limits


class Session(Protocol):
    """A loaded model, safe to share between threads."""

    provider: str
    """Name and version of the engine in use."""
    device: str
    """"cpu" or "cuda"."""
    precision: str
    """Arithmetic in use: "fp32", "tf32", "bf16" or "fp16"; of an engine also "fp8" or "int8"."""
    threads: int
    """CPU threads in use for one picture."""
    nodes: Mapping[str, int]
    """Number of the model's nodes by execution provider; empty if the engine does not report it."""
    limits: Limits | None
    """Sizes of pictures that the session takes; None if it takes any."""

    @property
    def memory_per_pixel(self) -> float:
        """Estimate of the bytes of the computer's memory that painting takes per pixel."""
        ...

    def run(self, image: Pixels, out: Pixels | None = None) -> Pixels:
        """Paint uint8 N×H×W×3, C-contiguous.

        Args:
            image: the picture.
            out: array of the painting's shape, which may not overlap `image`. Engines that can
                write into it do; others ignore it.

        Returns:
            `out`, or a new array.

        Raises:
            CancelledError: cancelled by the caller, on the CPU (`nst_rt.system.cancellation`).
        """
        ...

    def run_all(self, image: Pixels, **inputs: FloatArray) -> tuple[Pixels, dict[str, FloatArray]]:
        """Paint with values of the model's extra inputs; return its extra outputs too, by name.

        Raises:
            UsageError: an input that the model does not declare, or of another shape.
            CancelledError: as `run`.
        """
        ...

    def pinned(self, *shape: int) -> Pixels:
        """Return an uninitialized uint8 array, on a GPU in memory that it copies fastest."""
        ...

    def release(self) -> None:
        """Free memory that is kept for later pictures. No thread may be painting meanwhile."""
        ...

    def close(self) -> None: ...

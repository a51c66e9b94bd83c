"""The estimate of the memory that an engine takes on the CPU to paint a picture."""

from __future__ import annotations

from typing import NamedTuple


class MemoryUse(NamedTuple):
    """Bytes per pixel of a picture, a linear function of the network's width.

    Upper bounds of what `benchmarks/session_memory.py` measures, for networks like the shipped
    ones. ONNX Runtime's arena grows by powers of two: pictures of some sizes take less.
    """

    base: float
    per_width: float

    def per_pixel(self, width: float) -> float:
        """Return bytes per pixel for a width (`ModelFile.width`)."""
        return self.base + self.per_width * width

"""Memory that the check of an export takes, which is known before it begins."""

from __future__ import annotations

from nst_export.verification import Arithmetic
from nst_rt.errors import LimitError
from nst_rt.sessions.onnxruntime import MEMORY_USE
from nst_rt.system.memory import free_memory

_BYTES = {"fp32": 1100, "fp16": 5500, "bf16": 550}
"""Bytes that PyTorch takes on the CPU, per pixel of a picture and unit of the network's width. In
half precision its convolutions copy every neighbourhood."""


def refuse_large(size: tuple[int, int], width: float, flavour: Arithmetic) -> None:
    """Refuse a size, height and width, at which there is too little memory for the check.

    ONNX Runtime keeps what it took for its painting while PyTorch paints the same photo.

    Args:
        size: of the pictures of a fixed-size model.
        width: of the network.
        flavour: arithmetic of the model; its reference in float32 is painted in any case.

    Raises:
        LimitError: the system would end this process.
    """
    pytorch = max(_BYTES["fp32"], _BYTES[flavour]) * width
    need = round(size[0] * size[1] * (MEMORY_USE["fp32"].per_pixel(width) + pytorch))
    free = free_memory()
    if free is not None and need > free:
        raise LimitError(
            f"checking it against PyTorch at {size[1]}x{size[0]} takes about "
            f"{-(-need // 2**20):,} MiB of memory, {free // 2**20:,} are free",
            cure="choose a smaller size (--size), or leave it out for pictures of any size",
        )

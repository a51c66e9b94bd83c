"""Limits of a picture's pixels and memory, checked before anything is allocated for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nst_rt.errors import LimitError
from nst_rt.system.arguments import whole_number
from nst_rt.system.memory import free_memory

DEFAULT_MAX_PIXELS = 178_000_000
RAISE_LIMIT = "raise max_pixels (--max-pixels) if you trust it"
DECODED_BYTES = 14
"""Bytes per pixel, about, while a file is decoded, and again while it is written: 16 bits, alpha
and a rotation take more."""
UNCHECKED_MEMORY = 2**28
"""Bytes below which free memory is not looked up."""


@dataclass(frozen=True)
class PictureLimits:
    """Limits for one picture.

    Attributes:
        max_pixels: larger pictures are refused before they are decoded.
        max_memory: bytes; by default what is free at the time.

    Raises:
        UsageError: a number that is no whole one from 1 on.
    """

    max_pixels: int = DEFAULT_MAX_PIXELS
    max_memory: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_pixels", whole_number("max_pixels", self.max_pixels))
        if self.max_memory is not None:
            object.__setattr__(self, "max_memory", whole_number("max_memory", self.max_memory))


DEFAULT_LIMITS = PictureLimits()


def check_pixels(height: int, width: int, max_pixels: int, path: Path | None = None) -> None:
    """Raise `LimitError` for a picture with more pixels than allowed."""
    if height * width > max_pixels:
        raise LimitError(
            f"{width}x{height} is {height * width:,} pixels, the limit is {max_pixels:,}",
            path=path,
            cure=RAISE_LIMIT,
        )


def check_memory(
    doing: str, need: int, max_memory: int | None, cure: str, path: Path | None = None
) -> None:
    """Raise `LimitError` if `doing` something takes more memory than allowed.

    Args:
        doing: the work, for the message.
        need: bytes.
        max_memory: bytes; by default what is free now.
        cure: how to need less, for the message.
        path: the picture's file.
    """
    if need < UNCHECKED_MEMORY and max_memory is None:
        return
    limit = allowed_memory(max_memory)
    if limit is not None and need > limit:
        # rounded apart, so that what is needed, as it is shown, would be enough as a limit
        raise LimitError(
            f"{doing} takes about {-(-need // 2**20):,} MiB of memory, "
            f"{limit // 2**20:,} are allowed",
            path=path,
            cure=f"{cure}, or raise max_memory (--max-memory)",
        )


def allowed_memory(max_memory: int | None) -> int | None:
    """Return the bytes allowed: `max_memory`, or what is free now; None where that is unknown."""
    return max_memory if max_memory is not None else free_memory()

"""Profiles: an engine is compiled for pictures of a range of sizes."""

from __future__ import annotations

from dataclasses import dataclass

from nst_rt.errors import UsageError
from nst_rt.sizes import size_text

Shape = tuple[int, int, int, int]
Size = tuple[int, int]

MOST = 2**31 - 1
"""Greatest number along an axis, beyond every tensor that can be had."""
SMALLEST, USUAL, LARGEST = (16, 16), (720, 1280), (1080, 1920)
"""Default heights and widths. Memory follows the largest, not the picture at hand."""


@dataclass(frozen=True)
class Profile:
    """Smallest, usual and largest height and width, and most pictures at once."""

    min: Size
    opt: Size
    max: Size
    batch: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= MOST:
            raise UsageError(f"batch is {self.batch}", cure=f"choose it in 1…{MOST}")
        for name, size in (("min", self.min), ("opt", self.opt), ("max", self.max)):
            if min(size) < 1 or max(size) > MOST:
                raise UsageError(f"{name} is {size_text(size)}", cure=f"choose sides in 1…{MOST}")
        for low, high in (("min", "opt"), ("opt", "max")):
            small, large = getattr(self, low), getattr(self, high)
            if small[0] > large[0] or small[1] > large[1]:
                raise UsageError(
                    f"{low} {size_text(small)} does not fit into {high} {size_text(large)}",
                    cure="choose min ≤ opt ≤ max in width and in height",
                )

    def shapes(self) -> dict[str, Shape]:
        """Return N×H×W×3 of "min", "opt" and "max"."""
        return {
            "min": (1, *self.min, 3),
            "opt": (self.batch, *self.opt, 3),
            "max": (self.batch, *self.max, 3),
        }


def make_profile(
    smallest: Size | None = None,
    usual: Size | None = None,
    largest: Size | None = None,
    batch: int = 1,
) -> Profile:
    """Return a profile in which sizes that are not given follow those that are.

    Raises:
        UsageError: the sizes are not in order.
    """
    high = largest or _larger(LARGEST, usual or smallest or LARGEST)
    low = smallest or _smaller(SMALLEST, usual or high)
    return Profile(low, usual or _larger(low, _smaller(USUAL, high)), high, batch)


def _smaller(one: Size, other: Size) -> Size:
    return min(one[0], other[0]), min(one[1], other[1])


def _larger(one: Size, other: Size) -> Size:
    return max(one[0], other[0]), max(one[1], other[1])

"""The pictures that an engine takes: an engine is compiled for a range of sizes."""

from __future__ import annotations

from dataclasses import dataclass

from nst_rt.engines.side_car import size_text
from nst_rt.errors import UsageError

Shape = tuple[int, int, int, int]
Size = tuple[int, int]

SMALLEST, USUAL, LARGEST = (16, 16), (720, 1280), (1080, 1920)
"""Heights and widths where none are given. Memory follows the largest, not the picture at hand."""


@dataclass(frozen=True)
class Profile:
    """Heights and widths at least, most often and at most, and how many pictures at once."""

    min: Size
    opt: Size
    max: Size
    batch: int = 1

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise UsageError(f"batch is {self.batch}", cure="choose 1 or more")
        for name, size in (("min", self.min), ("opt", self.opt), ("max", self.max)):
            if min(size) < 1:
                raise UsageError(f"{name} is {size_text(size)}", cure="choose 1x1 or more")
        for low, high in (("min", "opt"), ("opt", "max")):
            small, large = getattr(self, low), getattr(self, high)
            if small[0] > large[0] or small[1] > large[1]:
                raise UsageError(
                    f"{low} {size_text(small)} does not fit into {high} {size_text(large)}",
                    cure="choose min ≤ opt ≤ max in width and in height",
                )

    def shapes(self) -> dict[str, Shape]:
        """N×H×W×3 of "min", "opt" and "max"."""
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
    """A profile in which what is not given follows what is.

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

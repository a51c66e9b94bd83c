"""The pictures that a session takes, where not any."""

from __future__ import annotations

from typing import NamedTuple

Size = tuple[int, int]
"""Height and width."""


class Limits(NamedTuple):
    """The smallest height and width, and the largest."""

    smallest: Size
    largest: Size

    def take(self, height: int, width: int) -> bool:
        """Whether a picture of that height and width is within them."""
        low, high = self.smallest, self.largest
        return low[0] <= height <= high[0] and low[1] <= width <= high[1]

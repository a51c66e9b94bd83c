"""The sizes of pictures that a session takes, if it does not take any."""

from __future__ import annotations

from typing import NamedTuple

Size = tuple[int, int]
"""Height and width."""


class Limits(NamedTuple):
    """The smallest and the largest height and width."""

    smallest: Size
    largest: Size

    def take(self, height: int, width: int) -> bool:
        """Return whether a picture of that size is within the limits."""
        low, high = self.smallest, self.largest
        return low[0] <= height <= high[0] and low[1] <= width <= high[1]

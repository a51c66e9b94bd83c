"""Detection of paintings in one colour, which arithmetic that overflows leaves."""

from __future__ import annotations

import numpy as np

from nst_rt.pixels import Pixels

LEAST_RANGE = 32
"""Levels between the darkest and the brightest pixel from which a photo has several colours."""
LEAST_PIXELS = 256
"""Pixels of the smallest photo that is checked: a smaller one may well become one colour."""
_GRID = 8


def is_blank(painting: Pixels, photo: Pixels) -> bool:
    """Return whether a painting (H×W×3) is of one colour, and its photo is not.

    This takes microseconds: the first few pixels rule out all other paintings.
    """
    height, width = painting.shape[:2]
    few = painting[:: -(-height // _GRID), :: -(-width // _GRID)]
    if (few != few[0, 0]).any() or height * width < LEAST_PIXELS:
        return False
    if (painting != painting[0, 0]).any():
        return False
    return bool((np.ptp(photo, axis=(0, 1)) >= LEAST_RANGE).any())

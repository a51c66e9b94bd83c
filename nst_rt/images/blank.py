"""Paintings that came out in one colour, as arithmetic that overflows leaves them."""

from __future__ import annotations

import numpy as np

from nst_rt.pixels import Pixels

LEAST_RANGE = 32
"""Levels between the darkest and the brightest of a photo that is not one colour itself."""
LEAST_PIXELS = 256
"""A photo of fewer may become anything."""
_GRID = 8


def is_blank(painting: Pixels, photo: Pixels) -> bool:
    """Whether a painting (H×W×3) is all of one colour, and its photo is not.

    It costs microseconds: the first few pixels that it looks at tell all others apart.
    """
    height, width = painting.shape[:2]
    few = painting[:: -(-height // _GRID), :: -(-width // _GRID)]
    if (few != few[0, 0]).any() or height * width < LEAST_PIXELS:
        return False
    if (painting != painting[0, 0]).any():
        return False
    return bool((np.ptp(photo, axis=(0, 1)) >= LEAST_RANGE).any())

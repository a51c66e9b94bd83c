"""Detecting scene cuts from two frames.

A cut changes the content; a fade, a flash or a change of exposure only changes its brightness, and
a pan moves it. So thumbnails of the luminance are compared by their correlation, at the best of a
few displacements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = (32, 18)
"""Width and height of thumbnails."""
NEAR = 8.0
"""Smallest mean difference in levels between frames of different scenes."""
ALIKE = 0.65
"""Correlation from which two frames show the same scene: 3 % of pairs of unrelated photos reach it;
no pair of frames displaced by a tenth of their width falls below it."""
FLAT = 2.0
"""Standard deviation in levels below which a frame is flat."""
REACH = (4, 2)
"""Largest displacements tried, across and down, in pixels of thumbnails."""


@dataclass(frozen=True)
class Thumbnail:
    """The luminance of a frame at small size."""

    luminance: NDArray[np.uint8]
    """uint8 18×32."""

    @classmethod
    def of(cls, frame: NDArray[np.uint8]) -> Thumbnail:
        """Return the thumbnail of a frame uint8 H×W×3."""
        from PIL import Image

        kernel = Image.Resampling.BOX
        small = Image.fromarray(frame).resize(SIZE, kernel, reducing_gap=2.0)
        return cls(np.array(small.convert("L")))

    @property
    def is_flat(self) -> bool:
        """Whether the frame is of a single colour, such as black or white."""
        return float(self.luminance.std()) < FLAT

    def begins_another_scene(self, before: Thumbnail) -> bool:
        """Return whether there is a cut between `before` and this frame."""
        here, there = (t.luminance.astype(np.float32) for t in (self, before))
        if np.abs(here - there).mean() <= NEAR:
            return False
        across, down = REACH
        return not any(
            _correlation(_displaced(here, x, y), _displaced(there, -x, -y)) >= ALIKE
            for y in range(-down, down + 1)
            for x in range(-across, across + 1)
        )


def _displaced(picture: NDArray[np.float32], x: int, y: int) -> NDArray[np.float32]:
    """Return the part that overlaps a copy moved `x` to the right and `y` down."""
    height, width = picture.shape
    return picture[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    one, other = one - one.mean(), other - other.mean()
    energy = float((one * one).mean() * (other * other).mean())
    return float((one * other).mean()) / energy**0.5 if energy > 1 else 0.0

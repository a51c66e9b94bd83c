"""Where one scene of a video ends and the next begins, told from two frames.

A cut changes what is where; a fade, a flash or a change of exposure changes how bright it is, a pan
moves it. So small pictures of the luminance are compared by how well they correlate, at the best of
a few displacements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = (32, 18)
"""Width and height of the small pictures."""
NEAR = 8.0
"""Levels by which frames of different scenes differ on average, at least."""
ALIKE = 0.65
"""Correlation from which on two frames show the same: of pairs of unrelated photos 3 % reach it, of
frames displaced by a tenth of their width none falls below."""
FLAT = 2.0
"""Standard deviation in levels below which a frame shows nothing."""
REACH = (4, 2)
"""Displacements that are tried, in pixels of the small pictures, across and down."""


@dataclass(frozen=True)
class Thumbnail:
    """The luminance of a frame, small."""

    luminance: NDArray[np.uint8]
    """18×32."""

    @classmethod
    def of(cls, frame: NDArray[np.uint8]) -> Thumbnail:
        """That of uint8 H×W×3."""
        from PIL import Image

        kernel = Image.Resampling.BOX
        small = Image.fromarray(frame).resize(SIZE, kernel, reducing_gap=2.0)
        return cls(np.array(small.convert("L")))

    @property
    def is_flat(self) -> bool:
        """Whether the frame is black, white or of another colour alone."""
        return float(self.luminance.std()) < FLAT

    def begins_another_scene(self, before: Thumbnail) -> bool:
        """Whether there is a cut between `before` and this frame."""
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
    """The part that remains when another picture lies `x` to the right and `y` below."""
    height, width = picture.shape
    return picture[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    one, other = one - one.mean(), other - other.mean()
    energy = float((one * one).mean() * (other * other).mean())
    return float((one * other).mean()) / energy**0.5 if energy > 1 else 0.0

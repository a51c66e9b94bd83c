"""Painting at a working size, and back to the photo's size with the photo's own detail.

Strokes have a size in pixels: a large photo is painted smaller. What the small photo lost is added
back as far as the painting follows the photo there, in the spirit of the local linear model of He,
Sun, Tang 2013, "Guided Image Filtering" (IEEE TPAMI 35), section 3. Departs from the paper: the
model says only how much detail passes, since strokes that the photo does not hold have to stay, and
every pixel stays within the painting's own range around it, so that no halo can form.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RADIUS = 2
"""Half the side of the window, in working pixels, in which painting and photo are compared."""
NOISE = 4.0
"""Variance in levels² below which the photo is taken for flat."""
STRIP = 256
"""Rows brought to full size at a time, so that they stay in the processor's cache."""


def working_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Height and width at which the longer one is at most `long_side`, in proportion."""
    scale = long_side / max(height, width)
    if scale >= 1:
        return height, width
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrink(photo: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize uint8 H×W×3 with an antialiasing filter."""
    from PIL import Image

    size = (width, height)
    small = Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.array(small)


def restore_detail(
    painting: NDArray[np.uint8], photo: NDArray[np.uint8], small: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Bring a painting to the photo's size and give it the photo's detail.

    Args:
        painting: uint8 h×w×3, what became of `small`.
        photo: uint8 H×W×3.
        small: uint8 h×w×3, the photo as it was painted.

    Returns:
        uint8 H×W×3.
    """
    from PIL import Image, ImageFilter

    painted, given = Image.fromarray(painting), Image.fromarray(small)
    layers = _Enlarged(
        paint=painted,
        low=painted.filter(ImageFilter.MinFilter(3)),
        high=painted.filter(ImageFilter.MaxFilter(3)),
        luminance=given.convert("L"),
        gain=Image.fromarray(_gain(painted.convert("L"), given.convert("L"))),
        size=photo.shape[:2],
    )
    result = np.empty_like(photo)
    for top in range(0, photo.shape[0], STRIP):
        rows = slice(top, min(top + STRIP, photo.shape[0]))
        result[rows] = _detailed(layers, photo[rows], rows)
    return result


def _detailed(layers: _Enlarged, photo: NDArray[np.uint8], rows: slice) -> NDArray[np.int16]:
    from PIL import Image

    luminance = np.asarray(Image.fromarray(photo).convert("L"), np.int16)
    lost = luminance - layers.rows("luminance", rows)
    lost *= layers.rows("gain", rows)
    lost >>= 7
    paint = layers.rows("paint", rows)
    paint += lost[..., None]
    np.maximum(paint, layers.rows("low", rows), out=paint)
    return np.minimum(paint, layers.rows("high", rows), out=paint)


class _Enlarged:
    """Pictures of working size, read as rows of full size."""

    def __init__(self, *, size: tuple[int, ...], **pictures: object) -> None:
        self.height, self.width = size[:2]
        self.pictures = pictures

    def rows(self, name: str, rows: slice) -> NDArray[np.int16]:
        from PIL import Image

        picture = self.pictures[name]
        assert isinstance(picture, Image.Image)
        scale = picture.height / self.height
        smooth = name in ("paint", "luminance")
        strip = picture.resize(
            (self.width, rows.stop - rows.start),
            Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR,
            box=(0, rows.start * scale, picture.width, min(rows.stop * scale, picture.height)),
        )
        return np.array(strip, np.int16)


def _gain(painting: object, photo: object) -> NDArray[np.uint8]:
    """How much of the photo's detail the painting takes, h×w, 0…127 for 0…1.

    It is the slope of the line that predicts the painting's luminance from the photo's around each
    pixel: 1 where the painting follows the photo, 0 where it goes its own way.
    """
    x, y = np.asarray(photo, np.float32), np.asarray(painting, np.float32)
    mean_x, mean_y = _mean_around(x), _mean_around(y)
    variance = _mean_around(x * x) - mean_x * mean_x
    covariance = _mean_around(x * y) - mean_x * mean_y
    slope = covariance / (np.maximum(variance, 0) + NOISE)
    return (np.clip(slope, 0, 1) * 127).astype(np.uint8)


def _mean_around(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the window of 2·RADIUS+1 squared around each value, edges repeated."""
    side = 2 * RADIUS + 1
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (RADIUS, RADIUS)
        padded = np.pad(values, padding, mode="edge")
        length = values.shape[axis]
        shifted = (padded.take(range(k, k + length), axis) for k in range(side))
        values = np.add.reduce(list(shifted)) / np.float32(side)
    return values

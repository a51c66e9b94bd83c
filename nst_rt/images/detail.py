"""Resizing to a working size, and back to the photo's size with the photo's own detail.

Strokes have a size in pixels: a large photo is painted smaller. What the small photo lost is added
back as far as the painting follows the photo there, in the spirit of the local linear model of He,
Sun, Tang 2013, "Guided Image Filtering" (IEEE TPAMI 35), section 3. Departs from the paper: the
model says only how much detail passes, since strokes that the photo does not hold have to stay, and
every pixel stays within the painting's own range around it, so that no halo can form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.pixels import Pixels

if TYPE_CHECKING:
    from PIL import Image

RADIUS = 2
"""Half the side of the window, in working pixels, in which painting and photo are compared."""
NOISE = 4.0
"""Variance in levels² below which the photo counts as flat."""
STRIP = 128
"""Rows brought to full size at a time, so that they stay in the processor's cache."""


def working_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Scale height and width in proportion, so that the longer one is at most `long_side`."""
    scale = long_side / max(height, width)
    if scale >= 1:
        return height, width
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrink(photo: Pixels, height: int, width: int) -> Pixels:
    """Resize uint8 H×W×3 with an antialiasing filter."""
    from PIL import Image

    size = (width, height)
    small = Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.array(small)


def restore_detail(painting: Pixels, photo: Pixels, small: Pixels) -> Pixels:
    """Bring a painting to the photo's size and give it the photo's detail.

    Args:
        painting: uint8 h×w×3, painted from `small`.
        photo: uint8 H×W×3.
        small: uint8 h×w×3, the photo at working size.

    Returns:
        uint8 H×W×3.
    """
    from PIL import Image

    painted = Image.fromarray(painting)
    luminance = Image.fromarray(small).convert("L")
    layers = _Layers(
        painting=painted,
        lowest=Image.fromarray(_extreme_around(painting, np.minimum)),
        highest=Image.fromarray(_extreme_around(painting, np.maximum)),
        luminance=luminance,
        gain=Image.fromarray(_gain(painted.convert("L"), luminance)),
    )
    result = np.empty_like(photo)
    for top in range(0, photo.shape[0], STRIP):
        rows = slice(top, min(top + STRIP, photo.shape[0]))
        _write_rows(result, rows, layers, photo)
    return result


@dataclass(frozen=True)
class _Layers:
    """Pictures at working size: RGB the first three, one channel the others."""

    painting: Image.Image
    lowest: Image.Image
    highest: Image.Image
    luminance: Image.Image
    gain: Image.Image


def _write_rows(result: Pixels, rows: slice, layers: _Layers, photo: Pixels) -> None:
    from PIL import Image

    def enlarged(layer: Image.Image, kernel: Image.Resampling) -> Pixels:
        height, width = photo.shape[:2]
        scale = layer.height / height
        box = (0, rows.start * scale, layer.width, min(rows.stop * scale, layer.height))
        return np.asarray(layer.resize((width, rows.stop - rows.start), kernel, box=box))

    smooth, quick = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
    lost = np.asarray(Image.fromarray(photo[rows]).convert("L")).astype(np.int16)
    lost -= enlarged(layers.luminance, smooth)
    lost *= enlarged(layers.gain, quick)
    lost >>= 7
    paint = enlarged(layers.painting, smooth).astype(np.int16)
    paint += lost[..., None]
    np.maximum(paint, enlarged(layers.lowest, quick), out=paint)
    # within 0…255, since the bounds are
    np.minimum(paint, enlarged(layers.highest, quick), out=result[rows], casting="unsafe")


def _extreme_around(values: Pixels, extreme: np.ufunc) -> Pixels:
    """Return the minimum or maximum of the 3×3 around each pixel, the edge repeated."""
    for axis in (0, 1):
        before, here, after = _shifted(values, 1, axis)
        values = extreme(extreme(before, here), after)
    return values


def _gain(painting: Image.Image, photo: Image.Image) -> Pixels:
    """Return the share of the photo's detail that the painting takes, h×w, 0…127 for 0…1.

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
    """Return the mean of the window of 2·RADIUS+1 squared around each value, edge repeated."""
    for axis in (0, 1):
        first, *others = _shifted(values, RADIUS, axis)
        mean = first.copy()
        for other in others:
            mean += other
        mean /= 2 * RADIUS + 1
        values = mean
    return values


def _shifted(values: NDArray[Any], radius: int, axis: int) -> list[NDArray[Any]]:
    """Return views of the values moved by -radius to radius along an axis, the edge repeated."""
    padding = [(radius, radius) if axis == k else (0, 0) for k in range(values.ndim)]
    padded = np.moveaxis(np.pad(values, padding, mode="edge"), axis, 0)
    length = values.shape[axis]
    return [np.moveaxis(padded[k : k + length], 0, axis) for k in range(2 * radius + 1)]

"""Statistics of a picture that is too large to be painted at once, estimated from two smaller ones.

They are the middle between those of a thumbnail, which shows all of the picture but coarser lines,
and those of full-size pieces of it, side by side as one.

Source: Chen, Wang, Xie, Lu, Luo 2022, "Towards Ultra-Resolution Neural Style Transfer via Thumbnail
Instance Normalization" (arXiv 2103.11784). Departs from the paper: the pieces beside the thumbnail.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nst_rt.images import shrink
from nst_rt.painting.steady import Statistics
from nst_rt.pixels import Pixels
from nst_rt.sessions.limits import Limits, Size

SteadyPaint = Callable[[Pixels, Statistics | None, float], tuple[Pixels, Statistics]]
"""Signature of `SteadyStyle.paint`."""

PIECES = 7
"""Number of pieces along a side: more would make more edges that the picture does not have."""
SMALLEST_PIECE = 32
"""Shortest side of a piece in pixels."""


def estimate_statistics(
    photo: Pixels, paint: SteadyPaint, pixels: int, smallest: Size = (1, 1)
) -> Statistics:
    """Return statistics near those of all of a picture, from two paintings of at most `pixels`."""
    _, coarse = paint(thumbnail(photo, pixels, smallest), None, 0.0)
    _, both = paint(pieces(photo, pixels, smallest), coarse, 0.5)
    return both


def estimate_pixels(limits: Limits, height: int, width: int, most: int) -> int:
    """Return the pixel budget at which thumbnail and pieces both fit the engine; 0 if none does.

    Args:
        limits: sizes that the engine takes.
        height: of the whole picture.
        width: of the whole picture.
        most: pixels that may be painted at once.
    """
    scale = min(limits.largest[0] / height, limits.largest[1] / width)
    pixels = min(most, int(height * width * scale**2))
    while pixels:
        sizes = (
            _at_least(size(height, width, pixels), limits.smallest)
            for size in (_thumbnail_size, _pieces_size)
        )
        if all(limits.take(*size) for size in sizes):
            return pixels
        pixels = pixels * 9 // 10
    return 0


def thumbnail(photo: Pixels, pixels: int, smallest: Size = (1, 1)) -> Pixels:
    """Shrink a picture to at most that many pixels.

    One that would have a shorter side than `smallest` is drawn out of proportion.
    """
    height, width = photo.shape[:2]
    return shrink(photo, *_at_least(_thumbnail_size(height, width, pixels), smallest))


def pieces(photo: Pixels, pixels: int, smallest: Size = (1, 1)) -> Pixels:
    """Cut pieces from all over uint8 H×W×3, side by side, about `pixels` together at most.

    There are more, and the last are cut, where they would have a shorter side than `smallest`.
    """
    height, width = photo.shape[:2]
    down, across, _, _ = _grid(height, width, pixels)
    tall, wide = _at_least(_pieces_size(height, width, pixels), smallest)
    rows = []
    for top in _starts(height, down, math.ceil(tall / down)):
        lefts = _starts(width, across, math.ceil(wide / across))
        parts = [photo[top : top + down, left : left + across] for left in lefts]
        rows.append(np.concatenate(parts, axis=1))
    return np.ascontiguousarray(np.concatenate(rows)[:tall, :wide])


def _at_least(size: Size, smallest: Size) -> Size:
    return max(size[0], smallest[0]), max(size[1], smallest[1])


def _thumbnail_size(height: int, width: int, pixels: int) -> Size:
    scale = min(1.0, math.sqrt(pixels / (height * width)))
    return max(1, int(height * scale)), max(1, int(width * scale))


def _pieces_size(height: int, width: int, pixels: int) -> Size:
    down, across, num_rows, num_columns = _grid(height, width, pixels)
    return num_rows * down, num_columns * across


def _grid(height: int, width: int, pixels: int) -> tuple[int, int, int, int]:
    """Return height and width of pieces, about `pixels` together, and their rows and columns."""
    scale = min(1.0, math.sqrt(pixels / (height * width)))
    side = max(SMALLEST_PIECE, math.isqrt(pixels) // PIECES)
    down, across = min(side, height), min(side, width)
    shorter, longer = sorted(((height, down), (width, across)))
    few = max(1, int(shorter[0] * scale / shorter[1]))
    many = max(1, min(longer[0] // longer[1], pixels // (few * down * across)))
    num_rows, num_columns = (few, many) if height <= width else (many, few)
    return down, across, num_rows, num_columns


def _starts(length: int, side: int, count: int) -> list[int]:
    """Return where pieces begin along an axis, the first and last at its ends."""
    if count == 1:
        return [(length - side) // 2]
    return [round(index * (length - side) / (count - 1)) for index in range(count)]

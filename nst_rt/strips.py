"""Pictures whose painting takes more memory than there is, painted tile by tile without seams.

Every tile is painted with the same statistics, and overlaps its neighbours by as much as an output
pixel sees, so that what is left of it is the same as if the picture had been painted at once with
these statistics. They are the middle between those of a thumbnail, which shows all of the picture
but coarser lines, and those of full-size pieces of it, side by side as one.

Source: Chen, Wang, Xie, Lu, Luo 2022, "Towards Ultra-Resolution Neural Style Transfer via Thumbnail
Instance Normalization" (arXiv 2103.11784). Departs from the paper: the pieces beside the thumbnail,
and an overlap that leaves no seam.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from nst_rt.cancellation import raise_if_cancelled
from nst_rt.errors import ModelError, ProviderError
from nst_rt.images import shrink
from nst_rt.model import ModelFile
from nst_rt.pixels import Pixels
from nst_rt.sessions.limits import Limits, Size
from nst_rt.steady import Statistics, SteadyStyle
from nst_rt.tiles import Tiling, tiling

logger = logging.getLogger(__name__)

SteadyPaint = Callable[[Pixels, Statistics | None, float], tuple[Pixels, Statistics]]
"""As `SteadyStyle.paint`."""

PIECES = 7
"""So many pieces along a side: more would make more edges that the picture does not have."""
ENGINE_BYTES = 4 * 2**20
"""What an engine takes for itself, whatever it paints."""
MARGIN = 1.1
"""A tile takes so much more per pixel than a large picture."""
SMALLEST_PIECE = 32
"""Pixels of a side."""


@dataclass(frozen=True)
class Parts:
    """What a picture is painted in."""

    tiles: Tiling
    pixels: int
    """So many are painted at once for the statistics."""
    least: Size = (1, 1)
    """Height and width of the smallest picture that may be painted."""


def paint_within(
    limit: int, height: int, width: int, steady: SteadyStyle, model: ModelFile
) -> Callable[[Pixels], Pixels] | None:
    """What paints a picture within that much memory, None where nothing does.

    Args:
        limit: bytes that may be taken.
        height: of the picture.
        width: of the picture.
        steady: of the style.
        model: the style's plain file.
    """
    try:
        session = steady.session()
    except (ModelError, ProviderError):
        return None
    bytes_per_pixel = session.memory_per_pixel * model.width / 0.5
    pixels = pixels_within(limit, height, width, bytes_per_pixel)
    parts = parts_of(height, width, pixels, model, session.limits)
    if parts is None:
        return None
    logger.warning(
        "%dx%d takes more memory at once than is allowed: painted in %d parts",
        width, height, len(parts.tiles),
    )  # fmt: skip
    return partial(paint_parts, paint=steady.paint, parts=parts)


def parts_of(
    height: int, width: int, pixels: int, model: ModelFile, limits: Limits | None
) -> Parts | None:
    """Parts that an engine takes, None where there are none.

    Args:
        height: of the picture.
        width: of the picture.
        pixels: what may be painted at once.
        model: says how far its pixels see.
        limits: of the engine.
    """
    radius, multiple = model.receptive_radius, model.multiple
    tiles = tiling(height, width, pixels, radius=radius, multiple=multiple, limits=limits)
    if tiles is None:
        return None
    if limits is None:
        return Parts(tiles, pixels)
    seen = pixels_for(limits, height, width, pixels)
    return Parts(tiles, seen, limits.smallest) if seen else None


def pixels_within(limit: int, height: int, width: int, bytes_per_pixel: float) -> int:
    """How many pixels may be painted at once, when the painting of all has its place.

    Args:
        limit: bytes that may be taken.
        height: of the whole picture.
        width: of the whole picture.
        bytes_per_pixel: what the engine takes for one.
    """
    left = limit - height * width * 3 - ENGINE_BYTES
    return max(0, int(left / (bytes_per_pixel * MARGIN)))


def pixels_for(limits: Limits, height: int, width: int, most: int) -> int:
    """Of how many pixels an engine takes the thumbnail and the pieces of a picture; 0 if of none.

    Args:
        limits: of the engine.
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


def paint_parts(photo: Pixels, paint: SteadyPaint, parts: Parts) -> Pixels:
    """Paint uint8 H×W×3 tile by tile, all with the same statistics."""
    statistics = statistics_of(photo, paint, parts.pixels, parts.least)
    painting = np.empty_like(photo)
    for row, column in parts.tiles:
        raise_if_cancelled()
        tile = np.ascontiguousarray(photo[row.start : row.stop, column.start : column.stop])
        painted, _ = paint(tile, statistics, 1.0)
        painting[row.first : row.last, column.first : column.last] = painted[
            row.first - row.start : row.last - row.start,
            column.first - column.start : column.last - column.start,
        ]
    return painting


def statistics_of(
    photo: Pixels, paint: SteadyPaint, pixels: int, least: Size = (1, 1)
) -> Statistics:
    """Statistics near those of all of a picture, from two paintings of at most `pixels`."""
    _, coarse = paint(thumbnail(photo, pixels, least), None, 0.0)
    _, both = paint(pieces(photo, pixels, least), coarse, 0.5)
    return both


def thumbnail(photo: Pixels, pixels: int, least: Size = (1, 1)) -> Pixels:
    """The picture made so small that it has at most that many pixels.

    One that would have a shorter side than `least` is drawn out of proportion.
    """
    height, width = photo.shape[:2]
    return shrink(photo, *_at_least(_thumbnail_size(height, width, pixels), least))


def pieces(photo: Pixels, pixels: int, least: Size = (1, 1)) -> Pixels:
    """Pieces of uint8 H×W×3 from all over it, side by side, about `pixels` together at most.

    There are more, and the last are cut, where they would have a shorter side than `least`.
    """
    height, width = photo.shape[:2]
    down, across, _, _ = _grid(height, width, pixels)
    tall, wide = _at_least(_pieces_size(height, width, pixels), least)
    rows = []
    for top in _starts(height, down, math.ceil(tall / down)):
        lefts = _starts(width, across, math.ceil(wide / across))
        parts = [photo[top : top + down, left : left + across] for left in lefts]
        rows.append(np.concatenate(parts, axis=1))
    return np.ascontiguousarray(np.concatenate(rows)[:tall, :wide])


def _at_least(size: Size, least: Size) -> Size:
    return max(size[0], least[0]), max(size[1], least[1])


def _thumbnail_size(height: int, width: int, pixels: int) -> Size:
    scale = min(1.0, math.sqrt(pixels / (height * width)))
    return max(1, int(height * scale)), max(1, int(width * scale))


def _pieces_size(height: int, width: int, pixels: int) -> Size:
    down, across, num_rows, num_columns = _grid(height, width, pixels)
    return num_rows * down, num_columns * across


def _grid(height: int, width: int, pixels: int) -> tuple[int, int, int, int]:
    """Height and width of pieces, about `pixels` together, and how many rows and columns."""
    scale = min(1.0, math.sqrt(pixels / (height * width)))
    side = max(SMALLEST_PIECE, math.isqrt(pixels) // PIECES)
    down, across = min(side, height), min(side, width)
    shorter, longer = sorted(((height, down), (width, across)))
    few = max(1, int(shorter[0] * scale / shorter[1]))
    many = max(1, min(longer[0] // longer[1], pixels // (few * down * across)))
    num_rows, num_columns = (few, many) if height <= width else (many, few)
    return down, across, num_rows, num_columns


def _starts(length: int, side: int, count: int) -> list[int]:
    """Where pieces begin along an axis, the first and last at its ends."""
    if count == 1:
        return [(length - side) // 2]
    return [round(index * (length - side) / (count - 1)) for index in range(count)]

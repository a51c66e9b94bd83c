"""Tiled painting of pictures that take more memory than there is, without seams.

Every tile is painted with the same statistics (`estimate`), and overlaps its neighbours by as much
as an output pixel sees. What is kept of it is then the same as if the picture had been painted at
once with these statistics.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from nst_rt.errors import ModelError, ProviderError
from nst_rt.model import ModelFile
from nst_rt.painting.estimate import SteadyPaint, estimate_pixels, estimate_statistics
from nst_rt.painting.steady import SteadyStyle
from nst_rt.painting.tiles import Tiling, tiling
from nst_rt.pixels import Pixels
from nst_rt.sessions.limits import Limits, Size
from nst_rt.system.cancellation import raise_if_cancelled

logger = logging.getLogger(__name__)

ENGINE_BYTES = 12 * 2**20
"""Memory that an engine takes beside `Session.memory_per_pixel`, whatever the size of a tile; an
upper bound of what `benchmarks/session_memory.py` measures."""


@dataclass(frozen=True)
class TilePlan:
    """How a picture is painted in tiles.

    Attributes:
        tiles: the tiles.
        pixels: how many are painted at once for the statistics.
        smallest: height and width of the smallest picture that the engine takes.
    """

    tiles: Tiling
    pixels: int
    smallest: Size = (1, 1)


def tiled_within(
    limit: int, height: int, width: int, steady: SteadyStyle, model: ModelFile
) -> Callable[[Pixels], Pixels] | None:
    """Return a function that paints a picture within that much memory, None where none can.

    Args:
        limit: bytes that may be taken.
        height: of the picture.
        width: of the picture.
        steady: the style's steady file.
        model: the style's plain file.
    """
    try:
        session = steady.session()
    except (ModelError, ProviderError):
        return None
    pixels = pixels_within(limit, height, width, session.memory_per_pixel)
    plan = plan_tiles(height, width, pixels, model, session.limits)
    if plan is None:
        return None
    logger.warning(
        "%dx%d takes more memory at once than is allowed: painted in %d parts",
        width, height, len(plan.tiles),
    )  # fmt: skip
    return partial(paint_tiles, paint=steady.paint, plan=plan)


def plan_tiles(
    height: int, width: int, pixels: int, model: ModelFile, limits: Limits | None
) -> TilePlan | None:
    """Plan tiles that an engine takes; None where there are none.

    Args:
        height: of the picture.
        width: of the picture.
        pixels: how many may be painted at once.
        model: knows how far an output pixel sees.
        limits: sizes that the engine takes, None if any.
    """
    radius, multiple = model.receptive_radius, model.multiple
    tiles = tiling(height, width, pixels, radius=radius, multiple=multiple, limits=limits)
    if tiles is None:
        return None
    if limits is None:
        return TilePlan(tiles, pixels)
    seen = estimate_pixels(limits, height, width, pixels)
    return TilePlan(tiles, seen, limits.smallest) if seen else None


def pixels_within(limit: int, height: int, width: int, bytes_per_pixel: float) -> int:
    """Return how many pixels may be painted at once, beside the painting of all.

    Args:
        limit: bytes that may be taken.
        height: of the whole picture.
        width: of the whole picture.
        bytes_per_pixel: memory that the engine takes for one.
    """
    left = limit - height * width * 3 - ENGINE_BYTES
    return max(0, int(left / bytes_per_pixel))


def paint_tiles(photo: Pixels, paint: SteadyPaint, plan: TilePlan) -> Pixels:
    """Paint uint8 H×W×3 tile by tile, all with the same statistics."""
    statistics = estimate_statistics(photo, paint, plan.pixels, plan.smallest)
    painting = np.empty_like(photo)
    for row, column in plan.tiles:
        raise_if_cancelled()
        tile = np.ascontiguousarray(photo[row.start : row.stop, column.start : column.stop])
        painted, _ = paint(tile, statistics, 1.0)
        painting[row.first : row.last, column.first : column.last] = painted[
            row.first - row.start : row.last - row.start,
            column.first - column.start : column.last - column.start,
        ]
    return painting

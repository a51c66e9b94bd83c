"""Tiles that cover a picture and overlap by the receptive radius."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nst_rt.sessions.limits import Limits


@dataclass(frozen=True)
class Span:
    """Position of a tile along one axis, and the part of it that is kept."""

    start: int
    stop: int
    first: int
    last: int
    """One past the last pixel that is kept."""


@dataclass(frozen=True)
class Tiling:
    """The tiles of a picture, row by row."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[Span, Span]]:
        return ((row, column) for row in self.rows for column in self.columns)


def tiling(
    height: int,
    width: int,
    pixels: int,
    *,
    radius: int,
    multiple: int,
    limits: Limits | None = None,
) -> Tiling | None:
    """Return tiles of at most `pixels` each that cover a picture, None where that is too few.

    Args:
        height: of the picture.
        width: of the picture.
        pixels: how many may be painted at once.
        radius: receptive radius of an output pixel in pixels.
        multiple: number of which each tile's start is a multiple, as sizes inside the network are.
        limits: sizes that tiles must have; any by default.
    """
    overlap = math.ceil(radius / multiple) * multiple
    smallest = 3 * overlap
    least, most = limits or ((1, 1), (height, width))
    tall, wide = min(height, most[0]), min(width, most[1])
    side = max(smallest, math.isqrt(max(0, pixels)))
    across = min(wide, side if tall >= side else max(smallest, pixels // tall))
    down = min(tall, pixels // across)
    if down < min(height, smallest) or across < min(width, smallest):
        return None
    rows = _spans(height, down, overlap, multiple, least[0])
    columns = _spans(width, across, overlap, multiple, least[1])
    return Tiling(rows, columns) if rows and columns else None


def _spans(length: int, most: int, overlap: int, multiple: int, least: int) -> tuple[Span, ...]:
    """Return the fewest tiles that cover an axis, as equal as possible.

    Each has a length from `least` to `most`; there are none where that is impossible.
    """
    if most >= length:
        return (Span(0, length, 0, length),) if length >= least else ()
    core = (most // multiple) * multiple - 2 * overlap
    count = math.ceil((length - 2 * overlap) / core)
    core = math.ceil((length - 2 * overlap) / count / multiple) * multiple
    side = max(core + 2 * overlap, least)
    latest = (length - least) // multiple * multiple
    starts = [0]
    while starts[-1] + side < length and len(starts) < count:
        starts.append(min(starts[-1] + core, latest))
    if max(side, length - starts[-1]) > most:
        return ()
    stops = [*(start + side for start in starts[:-1]), length]
    inner = [stop - overlap for stop in stops[:-1]]
    firsts, lasts = [0, *inner], [*inner, length]
    return tuple(map(Span, starts, stops, firsts, lasts))

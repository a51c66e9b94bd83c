"""Tiles cover a picture without a seam, within what an engine takes."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from nst_rt.painting.tiles import tiling
from nst_rt.sessions.limits import Limits

SIDES = st.integers(1, 2000)
RANGES = st.tuples(SIDES, SIDES).map(sorted)
"""Smallest and largest side in pixels."""


@settings(deadline=None)
@given(SIDES, SIDES, st.integers(0, 1_000_000), st.sampled_from([25, 57]))
def test_tiles_cover_the_picture_once_and_overlap_by_what_a_pixel_sees(
    height: int, width: int, pixels: int, radius: int
) -> None:
    check(height, width, pixels, radius, None)


@settings(deadline=None)
@given(st.integers(100, 4000), st.integers(100, 4000), RANGES, RANGES, st.sampled_from([25, 57]))
def test_tiles_are_neither_smaller_nor_larger_than_an_engine_takes(
    height: int, width: int, tall: list[int], wide: list[int], radius: int
) -> None:
    limits = Limits((tall[0], wide[0]), (tall[1], wide[1]))
    check(height, width, height * width, radius, limits)


def check(height: int, width: int, pixels: int, radius: int, limits: Limits | None) -> None:
    tiles = tiling(height, width, pixels, radius=radius, multiple=4, limits=limits)
    if tiles is None:
        return
    for spans, length in ((tiles.rows, height), (tiles.columns, width)):
        assert (spans[0].start, spans[0].first, spans[-1].stop, spans[-1].last) == (
            0, 0, length, length,
        )  # fmt: skip
        for one, next_ in itertools.pairwise(spans):
            assert one.first < one.last == next_.first
            assert one.stop - one.last >= radius
            assert next_.first - next_.start >= radius
            assert next_.start % 4 == 0
    sizes = [(row.stop - row.start, column.stop - column.start) for row, column in tiles]
    assert len(sizes) == len(tiles)
    assert max(tall * wide for tall, wide in sizes) <= pixels
    assert limits is None or all(limits.take(*size) for size in sizes)

"""Large pictures are painted in tiles: no seam, no more memory than allowed."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_rt import LimitError, Stylizer
from nst_rt.model import read_model
from nst_rt.painting.estimate import estimate_statistics, pieces
from nst_rt.painting.steady import SteadyStyle
from nst_rt.painting.tiled import TilePlan, paint_tiles, pixels_within, plan_tiles
from nst_rt.painting.tiles import tiling
from nst_rt.sessions import SessionOptions, open_session
from nst_rt.sessions.limits import Limits


def steady_of(style) -> SteadyStyle:
    opens = partial(open_session, options=SessionOptions(device="cpu", precision="fp32", threads=1))
    return SteadyStyle(style, read_model(style), verify=True, opens=opens)


@settings(deadline=None, max_examples=12)
@given(st.integers(1921, 4000), st.floats(1, 8), st.booleans())
def test_no_part_has_a_longer_side_than_an_engine_takes(
    longer: int, aspect: float, upright: bool
) -> None:
    shorter, longest = int(longer / aspect), 1920
    height, width = (longer, shorter) if upright else (shorter, longer)
    painted = painted_in_parts(height, width, Limits((16, 16), (longest, longest)))
    assert painted


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        (Limits((16, 16), (1080, 1920)), [(6000, 4000), (2000, 3000), (1081, 1000), (40, 9000)]),
        (Limits((720, 1280), (1080, 1920)), [(2160, 3840), (4000, 3000), (1084, 1924)]),
        (Limits((1280, 720), (1280, 720)), [(2560, 1440), (1300, 1440)]),
    ],
)
def test_parts_are_within_the_limits_of_an_engine(
    limits: Limits, sizes: list[tuple[int, int]]
) -> None:
    """Different limits for height and width, a narrow range, one size."""
    for height, width in sizes:
        assert painted_in_parts(height, width, limits), (height, width)


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        (Limits((16, 16), (160, 1920)), (1000, 1000)),  # a pixel sees as far as a tile is high
        (Limits((720, 1280), (1080, 1920)), (719, 4000)),
        (Limits((720, 1280), (720, 1280)), (1443, 2560)),  # no tile begins where the last must
    ],
)
def test_where_no_part_is_within_the_limits_there_are_none(
    limits: Limits, size: tuple[int, int]
) -> None:
    assert painted_in_parts(*size, limits) is None


def painted_in_parts(height: int, width: int, limits: Limits) -> int | None:
    """Return how many pictures are painted for one, all within limits; None if none can be."""
    model = read_model("starry-night")
    plan = plan_tiles(height, width, height * width, model, limits)
    if plan is None:
        return None
    painted: list[tuple[int, int]] = []

    def paint(picture, statistics, keep):
        painted.append(picture.shape[:2])
        return picture, np.zeros((2, 1), np.float32)

    photo = np.zeros((height, width, 3), np.uint8)
    photo[::7, ::5] = 255
    assert (paint_tiles(photo, paint, plan) == photo).all()
    assert all(limits.take(*size) for size in painted), painted
    for spans in (plan.tiles.rows, plan.tiles.columns):
        assert all(span.start % 4 == 0 for span in spans)
        for one, next_ in itertools.pairwise(spans):
            assert min(one.stop - one.last, next_.first - next_.start) >= model.receptive_radius
    return len(painted)


def test_tiles_leave_no_seam(steady_style, photo) -> None:
    """The painting equals one made at once with the same statistics."""
    picture = np.tile(photo, (2, 3, 1))[:301, :502].copy()
    steady = steady_of(steady_style)
    pixels = 130 * 130
    tiles = tiling(301, 502, pixels, radius=25, multiple=4)
    assert tiles is not None
    assert len(tiles) > 10
    statistics = estimate_statistics(picture, steady.paint, pixels)
    whole, _ = steady.paint(picture, statistics, 1.0)
    difference = np.abs(
        paint_tiles(picture, steady.paint, TilePlan(tiles, pixels)).astype(int) - whole
    )
    assert difference.max() <= 1


@pytest.mark.parametrize("size", [(600, 900), (50, 2000), (2000, 50), (301, 203)])
@pytest.mark.parametrize("pixels", [10_000, 90_000, 10_000_000])
def test_pieces_are_as_large_as_allowed_and_of_the_whole_picture(size, pixels) -> None:
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([rows * 255 // height, columns * 255 // width, rows * 0], -1)
    found = pieces(picture.astype(np.uint8), pixels)
    area = found.shape[0] * found.shape[1]
    assert min(pixels, height * width) * 0.3 < area <= pixels
    for axis in (0, 1):
        low, high = np.percentile(found[..., axis], (10, 90))
        assert low < 90
        assert high > 165


def test_picture_beyond_the_memory_is_painted_in_parts_with_a_warning(
    steady_style, photo, caplog
) -> None:
    picture = np.tile(photo, (4, 4, 1))
    need = 108 * 2**20
    options = {"device": "openvino", "precision": "fp32", "threads": 1, "size": "full"}
    with Stylizer(steady_style, max_memory=int(need / 3), **options) as stylizer:
        in_parts = stylizer(picture)
        mixed = stylizer(picture, strength=0.5)
        assert "1024x1024 takes more memory at once than is allowed: painted in" in caplog.text
        assert np.abs(mixed.astype(int) - (in_parts.astype(int) + picture) / 2).max() <= 1
    with Stylizer(steady_style, **options) as stylizer:
        difference = in_parts.astype(float) - stylizer(picture)
    assert 10 * np.log10(255**2 / (difference**2).mean()) > 25


def test_what_no_part_fits_is_refused_with_what_it_needs(steady_style, model_path, photo) -> None:
    picture = np.tile(photo, (4, 4, 1))
    message = "painting at 1024x1024 takes about 108 MiB of memory, {} are allowed; .*--size"
    options = {"device": "openvino", "precision": "fp32", "threads": 1, "size": "full"}
    with (
        Stylizer(steady_style, max_memory=2**22, **options) as stylizer,
        pytest.raises(LimitError, match=message.format(4)),
    ):
        stylizer(picture)
    with (  # has no steady file beside it
        Stylizer(model_path, max_memory=2**25, **options) as stylizer,
        pytest.raises(LimitError, match=r"takes about .* MiB of memory, 32 are allowed"),
    ):
        stylizer(picture)


def test_memory_of_the_painting_and_of_the_engine_is_set_aside() -> None:
    assert pixels_within(20 * 2**20, 1000, 1000, 100) == (8 * 2**20 - 3_000_000) // 100
    assert pixels_within(2**20, 10, 10, 100) == 0

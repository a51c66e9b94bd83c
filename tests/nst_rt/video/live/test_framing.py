"""Pictures of any size in a frame of one size."""

from __future__ import annotations

import numpy as np
import pytest

from nst_rt.video.live.framing import fitted


@pytest.mark.parametrize("size", [(90, 160), (45, 80), (89, 160), (360, 640)])
def test_same_shape_fills_the_frame(size) -> None:
    frame = fitted(np.full((*size, 3), 200, np.uint8), 90, 160)
    assert frame.shape == (90, 160, 3)
    assert frame.min() == 200


def test_another_shape_gets_bars_and_keeps_its_proportions() -> None:
    frame = fitted(np.full((60, 60, 3), 200, np.uint8), 90, 160)
    lit = np.flatnonzero(frame[45, :, 0])
    assert (lit[0], lit[-1]) == (35, 124)
    assert not frame[:, :35].any()
    assert not frame[:, 125:].any()
    tall = fitted(np.full((40, 160, 3), 200, np.uint8), 90, 160)
    assert [bool(tall[row].any()) for row in (0, 24, 45, 66, 89)] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_colours_stay_in_their_places() -> None:
    frame = fitted(np.full((60, 60, 3), (200, 30, 40), np.uint8), 90, 160)
    assert tuple(frame[45, 80]) == (200, 30, 40)

"""Sizes of pictures, and the defaults of those that are not given."""

from __future__ import annotations

import pytest

from nst_export.engine import EngineOptions, Profile
from nst_export.engine.profiles import make_profile
from nst_rt.errors import UsageError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Profile((16, 16), (720, 1280), (1080, 1920))),
        ({"largest": (2160, 3840)}, Profile((16, 16), (720, 1280), (2160, 3840))),
        ({"largest": (480, 640)}, Profile((16, 16), (480, 640), (480, 640))),
        ({"largest": (8, 640)}, Profile((8, 16), (8, 640), (8, 640))),
        ({"usual": (2160, 3840)}, Profile((16, 16), (2160, 3840), (2160, 3840))),
        ({"smallest": (1080, 3000)}, Profile((1080, 3000), (1080, 3000), (1080, 3000))),
        ({"smallest": (800, 64)}, Profile((800, 64), (800, 1280), (1080, 1920))),
        ({"usual": (8, 8), "batch": 3}, Profile((8, 8), (8, 8), (1080, 1920), 3)),
    ],
)
def test_what_is_not_given_follows_what_is(given: dict, expected: Profile) -> None:
    assert make_profile(**given) == expected


def test_one_picture_is_always_taken() -> None:
    shapes = Profile((16, 16), (32, 48), (64, 64), 4).shapes()
    assert shapes == {"min": (1, 16, 16, 3), "opt": (4, 32, 48, 3), "max": (4, 64, 64, 3)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"smallest": (64, 64), "usual": (32, 32)}, "min 64x64 does not fit into opt 32x32; ch"),
        ({"usual": (64, 128), "largest": (64, 64)}, "opt 128x64 does not fit into max 64x64"),
        ({"smallest": (64, 65), "largest": (64, 64)}, "opt 65x64 does not fit into max 64x64"),
        ({"smallest": (0, 16)}, "min is 16x0; choose sides in 1…"),
        ({"batch": 0}, "batch is 0; choose it in 1…"),
        ({"batch": 10**20}, "batch is 100000000000000000000; choose it in 1…"),
        ({"largest": (64, 10**20)}, "max is 100000000000000000000x64; choose sides in 1…"),
    ],
)
def test_sizes_out_of_order_are_refused(given: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_profile(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fixed": (16, 16), "usual": (16, 16)}, "one size has no range"),
        ({"level": 6}, "level is 6; choose it in 0…5"),
        ({"workspace_mib": 0}, "workspace is 0 MiB; choose it in 1…1048576"),
        ({"workspace_mib": 10**20}, "workspace is 100000000000000000000 MiB; choose it in 1…"),
        ({"capabilities": ("sm89",)}, "compute capability is 'sm89'; write it like 8.9"),
    ],
)
def test_options_out_of_range_are_refused(given: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        EngineOptions(**given)

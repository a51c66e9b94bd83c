"""Constant frame rates, of raw pixels, y4m and pictures in a folder."""

from __future__ import annotations

from fractions import Fraction

from nst_rt.system.arguments import number

DEFAULT_RATE = Fraction(25)
"""Frames per second if nothing states another rate; FFmpeg's default."""
_SLOWEST, _FASTEST = Fraction(1, 10_000), 1000
"""Below, MP4's time stamps overflow; above, frames share a millisecond, Matroska's time unit."""
_LARGEST_DENOMINATOR = 1_000_000


def checked_rate(rate: object) -> Fraction:
    """Return a rate of any type, or the nearest one that fits FFmpeg's 32 bits.

    Raises:
        UsageError: not every container can hold it.
    """
    cure = f"choose it from {_SLOWEST} to {_FASTEST} frames per second"
    exact = number("rate", rate, least=_SLOWEST, most=_FASTEST, cure=cure)
    return exact.limit_denominator(_LARGEST_DENOMINATOR)

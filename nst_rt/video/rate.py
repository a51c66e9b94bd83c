"""Frame rates of what has one for all its frames: pixels, y4m, pictures in a folder."""

from __future__ import annotations

from fractions import Fraction

from nst_rt.arguments import number

DEFAULT_RATE = Fraction(25)
"""Frames per second where nothing says otherwise; FFmpeg's default."""
_SLOWEST, _FASTEST = Fraction(1, 10_000), 1000
"""Slower, MP4 counts too far; faster, several frames begin in one millisecond, Matroska's unit."""
_FINEST = 1_000_000


def checked_rate(rate: object) -> Fraction:
    """The rate, of whatever type, or the nearest one that FFmpeg's 32 bits hold.

    Raises:
        UsageError: it is none that every video holds.
    """
    cure = f"choose it from {_SLOWEST} to {_FASTEST} frames a second"
    exact = number("rate", rate, least=_SLOWEST, most=_FASTEST, cure=cure)
    return exact.limit_denominator(_FINEST)

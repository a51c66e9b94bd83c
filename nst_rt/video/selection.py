"""The selection of frames to paint, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from nst_rt.system.arguments import refuse_unknown, seconds, whole_number

Hdr = Literal["refuse", "tonemap", "passthrough"]


def seconds_of(text: str) -> Fraction:
    """Return the seconds of `12.5` or `1:02:03`.

    Raises:
        ValueError: it is not a time.
    """
    total = Fraction(0)
    for part in text.split(":"):
        total = total * 60 + Fraction(part)
    return total


@dataclass(frozen=True)
class Selection:
    """The frames to paint of a source; all but `start` and `duration` are for video files only.

    Args:
        start: seconds at which the output begins.
        duration: seconds that it lasts; None for all.
        stream: index of the video stream; None for the largest that is not a cover picture.
        deinterlace: turn each interlaced frame into a progressive one.
        upright: rotate the pixels instead of leaving the rotation to the player.
        hdr: handling of high dynamic range: refuse it, map it to standard range before painting, or
            paint its code values as they are and keep its tags.
        hwaccel: name of a hardware decoder ("cuda", "vaapi", …); it falls back to software.
    """

    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    stream: int | None = None
    deinterlace: bool = False
    upright: bool = False
    hdr: Hdr = "refuse"
    hwaccel: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", seconds("start", self.start))
        if self.duration is not None:
            object.__setattr__(self, "duration", seconds("duration", self.duration))
        if self.stream is not None:
            object.__setattr__(self, "stream", whole_number("stream", self.stream, least=0))
        refuse_unknown("hdr", self.hdr, get_args(Hdr))

    @property
    def end(self) -> Fraction | None:
        """Seconds in the source at which the output ends; None for all."""
        return None if self.duration is None else self.start + self.duration


EVERYTHING = Selection()
"""All frames of the source."""

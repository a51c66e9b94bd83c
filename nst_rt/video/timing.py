"""When decoded frames are shown: each after the one before, whatever the file says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_JUMP = 1
"""Seconds that a timestamp may go back before the video is taken for two, one after the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A frame as it was decoded, at its time in seconds."""

    frame: Any
    time: Fraction
    duration: Fraction


def timed(frames: Iterator[Any], video: Any, rebuilt: Callable[[], None]) -> Iterator[Decoded]:
    """Give every frame a time after the one before, whatever the file says.

    Args:
        frames: PyAV's, in the order in which they are shown.
        video: the stream that they are of.
        rebuilt: is called for every time that is missing or not after the one before.
    """
    unit = video.time_base
    rate = video.average_rate or video.guessed_rate or Fraction(25)
    step = max(1 / rate / unit, Fraction(1))
    last: Fraction | None = None
    offset, waiting = Fraction(0), None
    for frame, pts in _without_strays(frames, unit):
        scale = (frame.time_base or unit) / unit
        length = round((frame.duration or 0) * scale)
        if pts is None:
            pts = Fraction(0) if last is None else last + step
            rebuilt()
        else:
            pts += offset
        if last is not None and pts <= last:
            if (last - pts) * unit > _JUMP:
                offset += last + step - pts
                pts = last + step
            else:
                pts = last + 1
            rebuilt()
        if waiting is not None:
            yield Decoded(waiting[0], waiting[1] * unit, (pts - waiting[1]) * unit)
        if length and abs(length - step) >= 1:  # else only rounded to a unit, which adds up
            step = Fraction(length)
        waiting, last = (frame, pts, length), pts
    if waiting is not None:
        frame, pts, length = waiting
        yield Decoded(frame, pts * unit, (length or step) * unit)


def _without_strays(frames: Iterator[Any], unit: Fraction) -> Iterator[tuple[Any, Fraction | None]]:
    """Frames with their times in units; one far ahead of those around it is damaged, and left out.

    Taken as it is, it would hold one frame for as long and put all that follow behind the sound.
    """
    before: Fraction | None = None
    held: tuple[Any, Fraction | None] | None = None
    for frame in frames:
        scale = (frame.time_base or unit) / unit  # a filter may count in another unit
        pts = None if frame.pts is None else Fraction(round(frame.pts * scale))
        if held is not None:
            time = held[1]
            if before is not None and time is not None and pts is not None:
                strays = before < pts and (time - pts) * unit > _JUMP
                time = None if strays else time
            yield held[0], time
            before = time if time is not None else before
        held = frame, pts
    if held is not None:
        yield held

"""Times of decoded frames that always increase, whatever the file says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_JUMP = 1
"""Seconds by which a time stamp may go back before the video counts as two, joined together."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A decoded frame with its time and duration in seconds."""

    frame: Any
    time: Fraction
    duration: Fraction


def timed(frames: Iterator[Any], video: Any, rebuilt: Callable[[], None]) -> Iterator[Decoded]:
    """Give every frame a time later than the one before, whatever the file says.

    Args:
        frames: PyAV's frames in display order.
        video: their stream.
        rebuilt: called for every time that is missing or not later than the one before.
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
        if length and abs(length - step) >= 1:  # otherwise it is only rounded, which would add up
            step = Fraction(length)
        waiting, last = (frame, pts, length), pts
    if waiting is not None:
        frame, pts, length = waiting
        yield Decoded(frame, pts * unit, (length or step) * unit)


def _without_strays(frames: Iterator[Any], unit: Fraction) -> Iterator[tuple[Any, Fraction | None]]:
    """Yield frames with their times in units; a time far ahead of its neighbours becomes None.

    Such a time is damaged: it would freeze one frame and delay all later ones behind the sound.
    """
    before: Fraction | None = None
    held: tuple[Any, Fraction | None] | None = None
    for frame in frames:
        scale = (frame.time_base or unit) / unit  # a filter may use another unit
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

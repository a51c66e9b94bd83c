"""Time lines of styles: one painter after another."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from nst_rt.errors import UsageError
from nst_rt.images import blend
from nst_rt.system.arguments import seconds
from nst_rt.video.frames import Frame
from nst_rt.video.painters import CombinedPainter, FramePainter
from nst_rt.video.selection import seconds_of

_ENTRY = re.compile(r"((?:\d+:){0,2}\d+(?:\.\d+)?):(.+)", re.DOTALL)


class TimelinePainter(CombinedPainter):
    """Changes the painter at given times, each fading in over the one before.

    Args:
        painters: pairs of start in seconds and painter, in order; the first also paints what comes
            before its start.
        fade: seconds that a change takes.

    Raises:
        UsageError: there is no painter, or a time is negative.
    """

    def __init__(
        self, painters: Sequence[tuple[Fraction, FramePainter]], *, fade: Fraction = Fraction(0)
    ) -> None:
        super().__init__([painter for _, painter in painters])
        self._starts = [seconds("the time of a painter", start) for start, _ in painters]
        self._fade = seconds("fade", fade)

    def paint(self, frame: Frame) -> Frame:
        index = max(0, bisect_right(self._starts, frame.time) - 1)
        painted = self._painters[index].paint(frame)
        since = frame.time - self._starts[index]
        if not index or since >= self._fade:
            return painted
        before = self._painters[index - 1].paint(frame)
        return frame.painted(blend(before.rgb, painted.rgb, float(since / self._fade)))

    def identity(self) -> dict[str, Any]:
        pairs = zip(self._starts, self._painters, strict=True)
        timeline = [[str(start), painter.identity()] for start, painter in pairs]
        return {"timeline": timeline, "fade": str(self._fade)}


def painter_for(
    text: str, open_painter: Callable[[str], FramePainter], *, fade: Fraction = Fraction(0)
) -> FramePainter:
    """Return the painter of a style, or of a time line of styles.

    Args:
        text: a style, or a time line as `read_timeline` takes it.
        open_painter: opens the painter of one style; called once for each, even if a style comes
            twice on the time line.
        fade: seconds that a change takes.

    Raises:
        UsageError: the times are missing or do not rise.
    """
    timeline = read_timeline(text)
    opened: dict[str, FramePainter] = {}
    for _, name in timeline:
        if name not in opened:
            opened[name] = open_painter(name)
    if len(timeline) == 1:
        return opened[timeline[0][1]]
    return TimelinePainter([(start, opened[name]) for start, name in timeline], fade=fade)


def read_timeline(text: str) -> list[tuple[Fraction, str]]:
    """Parse `0:starry-night,1:05.5:great-wave` into pairs of start in seconds and style.

    A style alone starts at 0.

    Raises:
        UsageError: the times are missing or do not rise.
    """
    if not _ENTRY.match(text) and ("," not in text or Path(text).exists()):
        return [(Fraction(0), text)]
    entries = []
    for part in text.split(","):
        found = _ENTRY.fullmatch(part.strip())
        if not found:
            raise UsageError(
                f"{part!r} has no time",
                cure="a time line is 0:starry-night,5:great-wave; else give --style several times",
            )
        entries.append((seconds_of(found[1]), found[2]))
    if any(one[0] >= other[0] for one, other in pairwise(entries)):
        raise UsageError(f"the times of {text!r} do not rise", cure="put them in order")
    return entries

"""What happens to each frame of a video between decoding and encoding."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from nst_rt.errors import UsageError
from nst_rt.images import blend
from nst_rt.stylizer import Stylizer
from nst_rt.video.frames import Frame


class FramePainter(Protocol):
    """Paints the frames of one video.

    Attributes:
        workers: how many threads may paint at once; 1 where a frame depends on those before it.
    """

    workers: int

    def paint(self, frame: Frame) -> Frame:
        """The frame, painted; of the size that `output_size` says."""
        ...

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what becomes of frames of this height and width."""
        ...

    def state(self) -> Any:
        """What it knows after the frame painted last, as JSON can hold it; None for nothing."""
        ...

    def restore(self, state: Any) -> None:
        """Go on as after the frame that `state` was taken at."""
        ...

    def identity(self) -> dict[str, Any]:
        """All that decides what its paintings look like."""
        ...


class _Stateless:
    """A painter that paints every frame for itself."""

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def state(self) -> Any:
        return None

    def restore(self, state: Any) -> None:
        pass


class StylePainter(_Stateless):
    """Paints in one style."""

    def __init__(self, stylizer: Stylizer) -> None:
        self._stylizer = stylizer
        self.workers = stylizer.parallel

    def paint(self, frame: Frame) -> Frame:
        return frame.painted(self._stylizer(frame.rgb))

    def identity(self) -> dict[str, Any]:
        return {"style": style_identity(self._stylizer)}


class TimelinePainter(_Stateless):
    """Changes the style at given times, each fading in over the one before.

    Args:
        styles: seconds at which each begins, in order; the first paints what comes before it too.
        fade: seconds that a change takes.
    """

    def __init__(
        self, styles: Sequence[tuple[Fraction, Stylizer]], *, fade: Fraction = Fraction(0)
    ) -> None:
        self._starts = [start for start, _ in styles]
        self._stylizers = [stylizer for _, stylizer in styles]
        self._fade = fade
        self.workers = max(stylizer.parallel for stylizer in self._stylizers)

    def paint(self, frame: Frame) -> Frame:
        index = max(0, bisect_right(self._starts, frame.time) - 1)
        painting = self._stylizers[index](frame.rgb)
        since = frame.time - self._starts[index]
        if index and since < self._fade:
            before = self._stylizers[index - 1](frame.rgb)
            painting = blend(before, painting, float(since / self._fade))
        return frame.painted(painting)

    def identity(self) -> dict[str, Any]:
        styles = [style_identity(stylizer) for stylizer in self._stylizers]
        return {
            "timeline": [
                [str(start), style] for start, style in zip(self._starts, styles, strict=True)
            ],
            "fade": str(self._fade),
        }


class SideBySidePainter:
    """The paintings of several painters beside each other, in one picture."""

    def __init__(self, painters: Sequence[FramePainter]) -> None:
        self._painters = painters
        self.workers = min(painter.workers for painter in painters)

    def paint(self, frame: Frame) -> Frame:
        paintings = [painter.paint(frame).rgb for painter in self._painters]
        return frame.painted(np.concatenate(paintings, axis=1))

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        sizes = [painter.output_size(height, width) for painter in self._painters]
        return sizes[0][0], sum(size[1] for size in sizes)

    def state(self) -> Any:
        return [painter.state() for painter in self._painters]

    def restore(self, state: Any) -> None:
        for painter, its_own in zip(self._painters, state, strict=True):
            painter.restore(its_own)

    def identity(self) -> dict[str, Any]:
        return {"side by side": [painter.identity() for painter in self._painters]}


def style_identity(stylizer: Stylizer) -> dict[str, Any]:
    """All of a Stylizer that decides what its paintings look like, to the last bit."""
    kept = ("sha256", "provider", "precision", "threads", "size", "strength", "keep_color")
    facts = asdict(stylizer.info)
    return {key: facts[key] for key in kept} | {"parallel": stylizer.parallel}


_ENTRY = re.compile(r"(\d+(?:\.\d+)?):(.+)", re.DOTALL)


def read_timeline(text: str) -> list[tuple[Fraction, str]]:
    """`0:starry-night,5.5:great-wave` as times in seconds and styles; a style alone begins at 0.

    Raises:
        UsageError: times that do not rise.
    """
    if not _ENTRY.match(text):
        return [(Fraction(0), text)]
    entries = []
    for part in text.split(","):
        found = _ENTRY.fullmatch(part.strip())
        if not found:
            raise UsageError(
                f"{part!r} has no time", cure="write it like 0:starry-night,5:great-wave"
            )
        entries.append((Fraction(found[1]), found[2]))
    if any(one[0] >= other[0] for one, other in pairwise(entries)):
        raise UsageError(f"the times of {text!r} do not rise", cure="put them in order")
    return entries


def painter_of(
    text: str, open_style: Callable[[str], Stylizer], *, fade: Fraction = Fraction(0)
) -> FramePainter:
    """The painter that a style, or a time line of styles, asks for."""
    timeline = read_timeline(text)
    if len(timeline) == 1:
        return StylePainter(open_style(timeline[0][1]))
    opened: dict[str, Stylizer] = {}
    for _, name in timeline:
        if name not in opened:
            opened[name] = open_style(name)
    return TimelinePainter([(start, opened[name]) for start, name in timeline], fade=fade)

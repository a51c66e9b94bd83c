"""What happens to each frame of a video between decoding and encoding."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nst_rt.arguments import seconds, share
from nst_rt.errors import UsageError
from nst_rt.images import blend
from nst_rt.stylizer import Stylizer
from nst_rt.video.frames import Frame
from nst_rt.video.selection import seconds_of
from nst_rt.video.steadiness import SteadyPainter


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


class _SizeStays:
    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width


class StylePainter(_SizeStays):
    """Paints in one style, every frame for itself."""

    def __init__(self, stylizer: Stylizer) -> None:
        self._stylizer = stylizer
        self.workers = stylizer.parallel

    def paint(self, frame: Frame) -> Frame:
        return frame.painted(self._stylizer(frame.rgb))

    def state(self) -> Any:
        return None

    def restore(self, state: Any) -> None:
        pass

    def identity(self) -> dict[str, Any]:
        return {"style": style_identity(self._stylizer)}


class SteadyStylePainter(_SizeStays):
    """Paints in one style with statistics averaged over the frames of a scene, see `SteadyPainter`.

    Raises:
        ModelError: the style has no steady file.
        ProviderError: the device does not paint it, or OpenCV is wanted and absent.
        UsageError: a share out of range.
    """

    workers = 1

    def __init__(self, stylizer: Stylizer, *, smoothing: float, flow: float = 0.0) -> None:
        self._steady = SteadyPainter(stylizer, smoothing=smoothing, flow=flow)
        self._identity = {
            "style": style_identity(stylizer),
            "steady_sha256": stylizer.info.steady_sha256,
            "steady": share("smoothing", smoothing),
            "flow": share("flow", flow),
        }

    def paint(self, frame: Frame) -> Frame:
        return frame.painted(self._steady.paint(frame.rgb))

    def state(self) -> Any:
        return self._steady.state()

    def restore(self, state: Any) -> None:
        self._steady.restore(state)

    def identity(self) -> dict[str, Any]:
        return self._identity


class _Several:
    """A painter made of others."""

    def __init__(self, painters: Sequence[FramePainter]) -> None:
        if not painters:
            raise UsageError("no painter is given", cure="give one or more")
        self._painters = painters
        self.workers = min(painter.workers for painter in painters)

    def state(self) -> Any:
        return [painter.state() for painter in self._painters]

    def restore(self, state: Any) -> None:
        for painter, its_own in zip(self._painters, state, strict=True):
            painter.restore(its_own)


class TimelinePainter(_Several, _SizeStays):
    """Changes the painter at given times, each fading in over the one before.

    Args:
        painters: seconds at which each begins, in order; the first paints what comes before it too.
        fade: seconds that a change takes.
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


class SideBySidePainter(_Several):
    """The paintings of several painters beside each other, in one picture."""

    def paint(self, frame: Frame) -> Frame:
        paintings = [painter.paint(frame).rgb for painter in self._painters]
        return frame.painted(np.concatenate(paintings, axis=1))

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        sizes = [painter.output_size(height, width) for painter in self._painters]
        return sizes[0][0], sum(size[1] for size in sizes)

    def identity(self) -> dict[str, Any]:
        return {"side by side": [painter.identity() for painter in self._painters]}


def style_identity(stylizer: Stylizer) -> dict[str, Any]:
    """All of a Stylizer that decides what its paintings look like, to the last bit."""
    kept = ("sha256", "provider", "precision", "threads", "size", "strength", "keep_color")
    facts = asdict(stylizer.info)
    return {key: facts[key] for key in kept} | {"parallel": stylizer.parallel}


_ENTRY = re.compile(r"((?:\d+:){0,2}\d+(?:\.\d+)?):(.+)", re.DOTALL)


def read_timeline(text: str) -> list[tuple[Fraction, str]]:
    """`0:starry-night,1:05.5:great-wave` as times in seconds and styles.

    A style alone begins at 0; the first of several paints what comes before its time too.

    Raises:
        UsageError: times that are missing or do not rise.
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


def painter_of(
    text: str, open_painter: Callable[[str], FramePainter], *, fade: Fraction = Fraction(0)
) -> FramePainter:
    """The painter that a style, or a time line of styles, asks for.

    A style that comes twice on the time line is opened once.
    """
    timeline = read_timeline(text)
    opened: dict[str, FramePainter] = {}
    for _, name in timeline:
        if name not in opened:
            opened[name] = open_painter(name)
    if len(timeline) == 1:
        return opened[timeline[0][1]]
    return TimelinePainter([(start, opened[name]) for start, name in timeline], fade=fade)

"""Painters of video frames, which run between decoding and encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from nst_rt.errors import UsageError
from nst_rt.stylizer import Stylizer
from nst_rt.video.frames import Frame


class FramePainter(Protocol):
    """Paints the frames of one video; what a subclass leaves out suits one without memory.

    Attributes:
        workers: number of threads that may paint at once; 1 if a frame depends on earlier ones.
    """

    workers: int

    def paint(self, frame: Frame) -> Frame:
        """Return the painted frame, of the size that `output_size` returns."""
        ...

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the paintings of frames of this height and width."""
        return height, width

    def state(self) -> Any:
        """Return the memory of the frames painted so far, as JSON can hold it; None if none."""
        return None

    def restore(self, state: Any) -> None:
        """Continue as after the frame at which `state` was taken."""
        return

    def identity(self) -> dict[str, Any]:
        """Return everything that decides what the paintings look like, as JSON can hold it."""
        ...


class StylePainter(FramePainter):
    """Paints in one style, every frame on its own."""

    def __init__(self, stylizer: Stylizer) -> None:
        self._stylizer = stylizer
        self.workers = stylizer.parallel

    def paint(self, frame: Frame) -> Frame:
        return frame.painted(self._stylizer(frame.rgb))

    def identity(self) -> dict[str, Any]:
        return {"style": style_identity(self._stylizer)}


class CombinedPainter(FramePainter):
    """Base class of painters that combine others.

    Raises:
        UsageError: there is none.
    """

    def __init__(self, painters: Sequence[FramePainter]) -> None:
        if not painters:
            raise UsageError("no painter is given", cure="give one or more")
        self._painters = painters
        self.workers = min(painter.workers for painter in painters)

    def state(self) -> Any:
        return [painter.state() for painter in self._painters]

    def restore(self, state: Any) -> None:
        for painter, painter_state in zip(self._painters, state, strict=True):
            painter.restore(painter_state)


class SideBySidePainter(CombinedPainter):
    """Puts the paintings of several painters beside each other in one picture."""

    def paint(self, frame: Frame) -> Frame:
        paintings = [painter.paint(frame).rgb for painter in self._painters]
        return frame.painted(np.concatenate(paintings, axis=1))

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        sizes = [painter.output_size(height, width) for painter in self._painters]
        return sizes[0][0], sum(size[1] for size in sizes)

    def identity(self) -> dict[str, Any]:
        return {"side by side": [painter.identity() for painter in self._painters]}


def style_identity(stylizer: Stylizer) -> dict[str, Any]:
    """Return everything about a Stylizer that decides its paintings, to the last bit."""
    kept = ("sha256", "provider", "precision", "threads", "size", "strength", "keep_color")
    facts = asdict(stylizer.info)
    return {key: facts[key] for key in kept} | {"parallel": stylizer.parallel}

"""Frames, and the protocols of their sources and sinks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nst_rt.images import lay_on


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video with its time.

    Attributes:
        rgb: pixels, uint8 H×W×3.
        time: seconds from the start of the video at which it appears; may be negative.
        duration: seconds for which it stays; 0 if unknown.
        alpha: opacity, uint8 H×W, if the format has one.
    """

    rgb: NDArray[np.uint8]
    time: Fraction
    duration: Fraction
    alpha: NDArray[np.uint8] | None = None

    def painted(self, rgb: NDArray[np.uint8]) -> Frame:
        """Return the same frame with other pixels."""
        return replace(self, rgb=rgb)


class FrameSource(Protocol):
    """Frames in display order.

    Attributes:
        width: width of every frame in pixels.
        height: height of every frame in pixels.
        rate: constant or average number of frames per second; None if unknown.
        count: expected number of frames; None if unknown.

    Some kinds of source have further attributes (`plays`, `pixel_format`, `header`), which sinks of
    the same kind read; a source that wraps another passes them on.
    """

    width: int
    height: int
    rate: Fraction | None
    count: int | None

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class FrameSink(Protocol):
    """Takes painted frames; its output gets its final name only in `finish`."""

    def write(self, frame: Frame) -> None: ...

    def finish(self) -> None:
        """Complete the output after the last frame and give it its name."""
        ...

    def abort(self) -> None:
        """Discard an unfinished output; do nothing after `finish`."""
        ...


def on_white(frame: Frame) -> NDArray[np.uint8]:
    """Return the pixels of a frame, composited over white if it has alpha."""
    return frame.rgb if frame.alpha is None else lay_on(frame.rgb, frame.alpha)

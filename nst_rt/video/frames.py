"""What every source of frames gives and every sink takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video: pixels uint8 H×W×3 RGB and when they are shown, in seconds.

    Attributes:
        rgb: the pixels.
        time: when it appears, counted from the start of the video; may be negative.
        duration: how long it stays; 0 where nobody knows.
        alpha: opacity, uint8 H×W, of formats that have one.
    """

    rgb: NDArray[np.uint8]
    time: Fraction
    duration: Fraction
    alpha: NDArray[np.uint8] | None = None

    def painted(self, rgb: NDArray[np.uint8]) -> Frame:
        """The same frame with other pixels."""
        return replace(self, rgb=rgb)


class FrameSource(Protocol):
    """Frames in the order in which they are shown.

    Attributes:
        width: in pixels, of every frame.
        height: in pixels, of every frame.
        rate: frames per second where it is constant, else the average; None where unknown.
        count: how many there will be, as far as the source says; None where unknown.

    What a kind of source says besides (`plays`, `pixel_format`, `header`), sinks of that kind ask
    for; what wraps a source passes it on.
    """

    width: int
    height: int
    rate: Fraction | None
    count: int | None

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class FrameSink(Protocol):
    """Takes painted frames; what it makes is under its final name after `finish` alone."""

    def write(self, frame: Frame) -> None: ...

    def finish(self) -> None:
        """All frames are in: complete the output and give it its name."""
        ...

    def abort(self) -> None:
        """Throw away what is unfinished; does nothing after `finish`."""
        ...


def on_white(frame: Frame) -> NDArray[np.uint8]:
    """The pixels of a frame, laid on white where it is transparent."""
    if frame.alpha is None:
        return frame.rgb
    alpha = frame.alpha[..., None].astype(np.uint16)
    mixed = frame.rgb * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)

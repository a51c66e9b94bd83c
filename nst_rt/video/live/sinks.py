"""Sinks of live video, which take painted frames one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PaintedFrame:
    """A painted frame on its way to a sink.

    Attributes:
        rgb: the painting, uint8 H×W×3 at working size.
        at: when its frame arrived, by the live clock.
        size: height and width of the frame as it arrived.
    """

    rgb: NDArray[np.uint8]
    at: float
    size: tuple[int, int]


@dataclass(frozen=True)
class State:
    """Facts to display with a frame; empty or 0 while unknown."""

    style: str = ""
    fps: float = 0.0
    latency_ms: float = 0.0
    working_size: tuple[int, int] = (0, 0)
    note: str = ""


class LiveSink:
    """Base class of sinks, whose methods do nothing.

    Attributes:
        patience: seconds without a new frame after which `hold` is called.
    """

    patience = 0.25

    @property
    def dropped(self) -> int:
        """Number of frames that it got and skipped."""
        return 0

    def open(self) -> None:
        """Prepare the output: the source is open and painting is about to begin."""

    def show(self, frame: PaintedFrame, state: State) -> None:
        """Output a frame; the first opens what needs a size."""

    def hold(self, state: State, now: float) -> None:
        """Keep the last frame: none has arrived until `now`."""

    def pressed(self) -> Iterable[str]:
        """Return the keys pressed since the last call."""
        return ()

    def close(self) -> None:
        """Complete the output and release everything; what was written is kept."""

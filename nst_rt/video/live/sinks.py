"""What takes painted frames as they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PaintedFrame:
    """A painted frame on its way out.

    Attributes:
        rgb: the painting, uint8 at working size.
        at: when its frame came, by the live clock.
        size: height and width of the frame as it came.
    """

    rgb: NDArray[np.uint8]
    at: float
    size: tuple[int, int]


@dataclass(frozen=True)
class State:
    """What a viewer may want to know; empty or 0 where it is not known yet."""

    style: str = ""
    fps: float = 0.0
    latency_ms: float = 0.0
    working_size: tuple[int, int] = (0, 0)
    note: str = ""


class LiveSink:
    """A sink that does nothing yet; real ones say what is different.

    Attributes:
        patience: seconds after which it wants to hear that nothing new came.
    """

    patience = 0.25

    @property
    def dropped(self) -> int:
        """Frames that it was shown and left out."""
        return 0

    def open(self) -> None:
        """The source is there and painting is about to begin."""

    def show(self, shown: PaintedFrame, state: State) -> None:
        """Put a frame out; the first opens what needs a size."""

    def hold(self, state: State, now: float) -> None:
        """Nothing new came until `now`: the last frame stays."""

    def pressed(self) -> Iterable[str]:
        """Keys that were pressed since the last call."""
        return ()

    def close(self) -> None:
        """Complete and free everything; what was written is kept."""

"""A painter that costs nothing and whose work is known: it turns colours to their opposites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nst_rt.video.converting import convert
from nst_rt.video.frames import Frame

from .contents import Shown, shown


class Inverting:
    """Inverts colours; with one worker it counts them too, as a painter with a memory."""

    def __init__(self, workers: int = 2, name: str = "inverting") -> None:
        self.workers, self.name, self.count = workers, name, 0

    def paint(self, frame: Frame) -> Frame:
        self.count += 1
        return frame.painted(255 - frame.rgb)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def state(self) -> Any:
        return {"count": self.count} if self.workers == 1 else None

    def restore(self, state: Any) -> None:
        if state is not None:
            self.count = state["count"]

    def identity(self) -> dict[str, Any]:
        return {"fake": self.name}


class Keeping(Inverting):
    """Leaves the pixels as they are."""

    def paint(self, frame: Frame) -> Frame:
        return frame.painted(frame.rgb)


def convert_inverted(clip: Path, target: Path, **options: Any) -> list[Shown]:
    """Convert with inverted colours and return the frames."""
    convert(clip, target, Inverting(), **options)
    return shown(target)

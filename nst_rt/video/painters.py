"""What happens to each frame of a video between decoding and encoding."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

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


class StylePainter:
    """Paints every frame for itself in one style."""

    def __init__(self, stylizer: Stylizer) -> None:
        self._stylizer = stylizer
        self.workers = stylizer.parallel

    def paint(self, frame: Frame) -> Frame:
        return frame.painted(self._stylizer(frame.rgb))

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def state(self) -> Any:
        return None

    def restore(self, state: Any) -> None:
        pass

    def identity(self) -> dict[str, Any]:
        return {"style": style_identity(self._stylizer)}


def style_identity(stylizer: Stylizer) -> dict[str, Any]:
    """All of a Stylizer that decides what its paintings look like, to the last bit."""
    kept = ("sha256", "provider", "precision", "threads", "size", "strength", "keep_color")
    facts = asdict(stylizer.info)
    return {key: facts[key] for key in kept} | {"parallel": stylizer.parallel}

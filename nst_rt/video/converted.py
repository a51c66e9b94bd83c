"""The result of a conversion, and reports of its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nst_rt.pipeline import StageProfile

Progress = Callable[[int, int | None], None]
"""A callback for each frame: the number of frames done, and of all frames, None if unknown."""


@dataclass(frozen=True)
class Converted:
    """A finished conversion.

    Attributes:
        output: name of the output.
        frames: number of frames in the output.
        painted: number of them painted by this call; a resumed job had the others already.
        seconds: time that the call took.
        width: width of the output in pixels.
        height: height of the output in pixels.
        encoder: FFmpeg's name of the encoder; empty unless both ends are video files.
        damaged_packets: number of packets of the source that could not be decoded.
        profile: time spent in each stage.
    """

    output: str
    frames: int
    painted: int
    seconds: float
    width: int
    height: int
    encoder: str
    damaged_packets: int
    profile: list[StageProfile]

    @property
    def rate(self) -> float:
        """Frames painted per second."""
        return self.painted / self.seconds if self.seconds else 0.0

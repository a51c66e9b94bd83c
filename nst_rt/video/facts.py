"""Facts of a video stream."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from nst_rt.video.color import Color, color_of


@dataclass(frozen=True)
class VideoFacts:
    """Facts of the video stream that is painted.

    `display_matrix` holds the nine numbers that rotate the picture for display, None if it needs no
    rotation; `aspect` is the width of a pixel over its height.
    """

    index: int
    width: int
    height: int
    time_base: Fraction
    rate: Fraction | None
    count: int | None
    color: Color
    aspect: Fraction
    display_matrix: tuple[int, ...] | None
    quarter_turns: int
    """Number of counterclockwise rotations by 90° for display."""
    pixel_format: str
    bits: int
    interlaced: bool
    has_alpha: bool = False


def facts_of(video: Any, frame: Any) -> VideoFacts:
    """Return the facts of a PyAV stream and its first decoded frame."""
    matrix = None
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            matrix = tuple(int(number) for number in np.frombuffer(bytes(data), np.int32))
    rate = video.average_rate or video.guessed_rate
    return VideoFacts(
        index=video.index,
        width=frame.width,
        height=frame.height,
        time_base=video.time_base,
        rate=rate,
        count=video.frames or _estimated(video, rate),
        color=color_of(frame),
        aspect=video.sample_aspect_ratio or Fraction(1),
        display_matrix=matrix,
        quarter_turns=round(frame.rotation / 90) % 4,
        pixel_format=frame.format.name,
        bits=max(component.bits for component in frame.format.components),
        interlaced=bool(frame.interlaced_frame),
        has_alpha=any(component.is_alpha for component in frame.format.components),
    )


def _estimated(video: Any, rate: Fraction | None) -> int | None:
    duration = video.duration * video.time_base if video.duration else None
    if duration is None and video.container.duration:
        duration = Fraction(video.container.duration, 10**6)
    return round(duration * rate) if duration and rate else None

"""What is in a clip, read with PyAV alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

from .clips import number_in


@dataclass(frozen=True)
class Shown:
    """A frame as a plain decoder gives it, times in seconds."""

    time: Fraction | None
    duration: Fraction
    frame: Any

    @property
    def rgb(self) -> np.ndarray:
        return self.frame.to_ndarray(format="rgb24")

    @property
    def number(self) -> int:
        return number_in(self.rgb)


def shown(path: Path, stream: int = 0) -> list[Shown]:
    """The frames of a clip's video stream, decoded packet by packet."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[stream]):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                time = None if frame.pts is None else frame.pts * frame.time_base
                found.append(Shown(time, (frame.duration or 0) * frame.time_base, frame))
    return found


@dataclass(frozen=True)
class Copied:
    """A packet as it lies in a file, times in seconds."""

    pts: Fraction
    dts: Fraction
    duration: Fraction
    data: bytes


def _usual_duration(stream: Any) -> Fraction:
    """Of a packet of sound, where it was read before libavformat knew the codec and says 0."""
    context = stream.codec_context
    if stream.type != "audio" or not context.frame_size:
        return Fraction(0)
    return Fraction(context.frame_size, context.sample_rate)


def packets(path: Path, kind: str, number: int = 0) -> list[Copied]:
    """The packets of a clip's `number`th stream of a kind ("audio", "subtitle", …)."""
    with av.open(str(path)) as container:
        stream = [one for one in container.streams if one.type == kind][number]
        return [
            Copied(
                packet.pts * packet.time_base,
                packet.dts * packet.time_base,
                packet.duration * packet.time_base or _usual_duration(stream),
                bytes(packet),
            )
            for packet in container.demux(stream)
            if packet.dts is not None
        ]


def rising(path: Path) -> bool:
    """Whether decoding times rise strictly."""
    with av.open(str(path)) as container:
        times = [packet.dts for packet in container.demux(video=0) if packet.dts is not None]
    return all(one < other for one, other in pairwise(times))

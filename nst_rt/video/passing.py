"""Frames from any source through a painter into any sink: pipes, animations, picture folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Any

from nst_rt.errors import InputError
from nst_rt.pipeline import Pipeline, Stage
from nst_rt.video.converting import Converted, Progress
from nst_rt.video.frames import Frame, FrameSink, FrameSource
from nst_rt.video.painters import FramePainter
from nst_rt.video.selection import Selection


class Stretch:
    """The frames of a source between two moments, their times counted from the first of these."""

    def __init__(self, source: FrameSource, selection: Selection) -> None:
        self._source, self._start, self._end = source, selection.start, selection.end
        self.width, self.height, self.rate = source.width, source.height, source.rate
        self.count = None
        if source.rate is not None and selection.duration is not None:
            self.count = round(selection.duration * source.rate)

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            if self._end is not None and frame.time >= self._end:
                return
            if frame.time >= self._start:
                yield replace(frame, time=frame.time - self._start)

    def __getattr__(self, name: str) -> Any:
        """What the source says besides, of which sinks of its kind take notice."""
        return getattr(self._source, name)

    def close(self) -> None:
        self._source.close()


def pass_through(
    source: FrameSource,
    sink: FrameSink,
    painter: FramePainter,
    *,
    progress: Progress | None = None,
    name: str = "",
) -> Converted:
    """Paint every frame of `source` into `sink`; the stages overlap, and order and times stay.

    Args:
        source: is closed at the end, however that comes.
        sink: is finished after the last frame, and aborted if anything fails.
        painter: paints the frames.
        progress: told of every frame.
        name: what messages and the result call the output.

    Raises:
        InputError: the source has no frame, or breaks.
        OutputError: the sink cannot be written.
    """
    begun = perf_counter()
    stages = Pipeline(
        source,
        Stage("paint", painter.paint, workers=painter.workers),
        Stage("write", sink.write),
    )
    number = 0
    try:
        with stages as written:
            for number, _ in enumerate(written, 1):
                if progress is not None:
                    progress(number, source.count)
        if not number:
            raise InputError("has no frame")
        sink.finish()
    finally:
        sink.abort()
        source.close()
    height, width = painter.output_size(source.height, source.width)
    return Converted(
        output=name,
        frames=number,
        painted=number,
        seconds=perf_counter() - begun,
        width=width,
        height=height,
        encoder="",
        damaged_packets=0,
        profile=stages.profile(),
    )

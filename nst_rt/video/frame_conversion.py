"""Painting the frames of any source into any sink."""

from __future__ import annotations

from time import perf_counter

from nst_rt.errors import InputError
from nst_rt.pipeline import Pipeline, Stage
from nst_rt.video.converted import Converted, Progress
from nst_rt.video.frames import FrameSink, FrameSource
from nst_rt.video.painters import FramePainter


def convert_frames(
    source: FrameSource,
    sink: FrameSink,
    painter: FramePainter,
    *,
    progress: Progress | None = None,
    name: str = "",
) -> Converted:
    """Paint every frame of `source` into `sink` in overlapping stages; order and times stay.

    Args:
        source: closed at the end, also after an error.
        sink: finished after the last frame, and aborted if anything fails.
        painter: paints the frames.
        progress: called after every frame.
        name: name of the output in the result.

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

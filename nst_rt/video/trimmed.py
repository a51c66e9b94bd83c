"""A section of a source of frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nst_rt.video.frames import Frame, FrameSource
from nst_rt.video.selection import Selection


class TrimmedSource:
    """The frames of a source between two times, with their times counted from the first of these.

    Args:
        source: closed with this one.
        selection: `start` and `duration` apply.
    """

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
        """Return a further attribute of the source, which sinks of its kind read."""
        return getattr(self._source, name)

    def close(self) -> None:
        self._source.close()

"""Writing the painted video in parts, each a file of its own that is complete when closed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from nst_rt.errors import OutputError
from nst_rt.video.containers import pyav
from nst_rt.video.encoding import ChosenEncoder
from nst_rt.video.facts import VideoFacts
from nst_rt.video.job import ConversionJob
from nst_rt.video.tracks import MUXERS

_BEFORE_ANY_REORDERING = 2
"""Largest number of frames of a part in which coded and display order must be equal."""


class PartWriter:
    """Encodes frames into parts of `seconds` each; a part begins with a key frame.

    Args:
        job: takes the finished parts.
        encoder: the chosen encoder.
        facts: the source's times, pixels and colours.
        size: height and width of the painted frames.
        seconds: length of a part.
    """

    def __init__(
        self,
        job: ConversionJob,
        encoder: ChosenEncoder,
        facts: VideoFacts,
        size: tuple[int, int],
        *,
        seconds: float = 10.0,
    ) -> None:
        self._job, self._encoder, self._facts, self._size = job, encoder, facts, size
        self._length = Fraction(seconds).limit_denominator(1_000_000)
        self._container: Any = None
        self._stream: Any = None
        self._path = Path()
        self._start = Fraction(0)
        self._frames = 0
        self._state: Any = None

    def write(self, frame: Any, time: Fraction, duration: Fraction, state: Any = None) -> None:
        """Encode one frame.

        Args:
            frame: an `av.VideoFrame` in the encoder's pixel format.
            time: of its display, in seconds.
            duration: in seconds.
            state: the painter's state after this frame, stored with the part.

        Raises:
            OutputError: the part cannot be written.
        """
        if self._container is not None and time - self._start >= self._length:
            self.finish()
        if self._container is None:
            self._guarded(lambda: self._open(time))
        frame.pts = round((time - self._start) / self._facts.time_base)
        frame.duration = round(duration / self._facts.time_base)
        frame.time_base = self._facts.time_base
        self._guarded(lambda: self._container.mux(self._stream.encode(frame)))
        self._frames += 1
        self._state = state

    def finish(self) -> None:
        """Complete the current part, if there is one.

        Raises:
            OutputError: it cannot be written; the parts before it are kept.
        """
        if self._container is None:
            return

        def close() -> None:
            packets = self._stream.encode(None)
            if self._frames <= _BEFORE_ANY_REORDERING:
                for packet in packets:  # x265 sets arbitrary decoding times for so few
                    packet.dts = packet.pts
            self._container.mux(packets)
            self._container.close()
            self._job.add(self._path, self._frames, self._start, self._state)

        self._guarded(close)
        self._container = None

    def abort(self) -> None:
        """Discard the current part."""
        container, self._container = self._container, None
        if container is not None:
            with suppress(Exception):  # the part is discarded anyway
                container.close()
            self._path.unlink(missing_ok=True)

    def _open(self, time: Fraction) -> None:
        self._path = self._job.path_of_next(self._encoder)
        self._container = pyav().open(
            f"file:{self._path.absolute()}", "w", format=MUXERS[self._path.suffix]
        )
        self._stream = self._encoder.add_to(self._container, self._facts, self._size)
        self._stream.time_base = self._facts.time_base
        self._start, self._frames = time, 0

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except (pyav().FFmpegError, OSError) as error:
            self.abort()
            cure = "free some disk space and pass resume=True (--resume)"
            raise OutputError.from_error(error, self._job.target, cure=cure) from error

"""Video files as sources and sinks of frames, like pipes, animations and folders of pictures.

From video file to video file, `file_conversion` does more: it copies the sound and can be resumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

from nst_rt.errors import OutputError
from nst_rt.system.atomic import move_into_place, part_of
from nst_rt.video.color import assumed_color, from_rgb
from nst_rt.video.containers import pyav
from nst_rt.video.encoding import Encoding, choose_encoder
from nst_rt.video.facts import VideoFacts
from nst_rt.video.frames import Frame, FrameSource, on_white
from nst_rt.video.rate import checked_rate
from nst_rt.video.reading import VideoReader
from nst_rt.video.selection import Selection
from nst_rt.video.tracks import MUXERS


class VideoFileSource:
    """The frames of a video file, upright, since other formats store no rotation."""

    def __init__(self, path: Path, selection: Selection) -> None:
        self._reader = VideoReader(path, replace(selection, upright=True))
        self.height, self.width = self._reader.size
        self.rate, self.count = self._reader.facts.rate, self._reader.count

    def __iter__(self) -> Iterator[Frame]:
        return map(self._reader.frame, self._reader.selected())

    def close(self) -> None:
        """Do nothing: no file stays open between two iterations."""


class VideoFileSink:
    """Encodes frames into a video file without sound.

    Args:
        target: .mp4, .m4v, .mov, .mkv or .webm.
        like: source whose rate is kept.
        size: height and width of the frames.
        encoding: codec and quality.

    Raises:
        UsageError: the container is unknown, or the codec or the rate does not fit.
        ProviderError: the encoder is not available.
    """

    def __init__(
        self, target: Path, like: FrameSource, size: tuple[int, int], encoding: Encoding
    ) -> None:
        self._target, self._unfinished = target, part_of(target)
        self._facts = _facts(size, like.rate)
        self._encoder = choose_encoder(encoding, target, self._facts, size)
        self._container: Any = None
        self._stream: Any = None
        self._size = size
        self._lengths: dict[int, int] = {}

    def write(self, frame: Frame) -> None:
        color, unit = self._facts.color, self._facts.time_base
        try:
            if self._container is None:
                self._open()
            picture = from_rgb(on_white(frame), color, self._encoder.pixel_format)
            picture.pts = round(frame.time / unit)
            picture.duration = round(frame.duration / unit)
            picture.time_base = unit
            self._lengths[picture.pts] = picture.duration
            self._mux(self._stream.encode(picture))
        except (pyav().FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def finish(self) -> None:
        try:
            if self._container is None:
                self._open()
            self._mux(self._stream.encode(None))
            self._container.close()
            self._container = None
            move_into_place(self._unfinished, self._target)
        except (pyav().FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def abort(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            with suppress(Exception):  # the output is discarded anyway
                container.close()
        self._unfinished.unlink(missing_ok=True)

    def _open(self) -> None:
        name = f"file:{self._unfinished.absolute()}"
        self._container = pyav().open(name, "w", format=MUXERS[self._target.suffix.lower()])
        self._stream = self._encoder.add_to(self._container, self._facts, self._size)
        self._stream.time_base = self._facts.time_base

    def _mux(self, packets: list[Any]) -> None:
        """Write packets with the durations of their frames; encoders set them from the rate."""
        for packet in packets:
            packet.duration = self._lengths.pop(packet.pts, packet.duration)
            self._container.mux(packet)

    def _failed(self, error: Exception) -> OutputError:
        self.abort()
        return OutputError.from_error(error, self._target)


def _facts(size: tuple[int, int], rate: Fraction | None) -> VideoFacts:
    height, width = size
    rate = rate and checked_rate(rate)
    return VideoFacts(
        index=0,
        width=width,
        height=height,
        time_base=_unit(rate),
        rate=rate,
        count=None,
        color=assumed_color(height),
        aspect=Fraction(1),
        display_matrix=None,
        quarter_turns=0,
        pixel_format="rgb24",
        bits=8,
        interlaced=False,
    )


def _unit(rate: Fraction | None) -> Fraction:
    """Return a time base in which frame times are whole, and milliseconds too if that is cheap."""
    if rate is None:
        return Fraction(1, 90_000)
    fine = lcm(rate.numerator, 1000)
    return Fraction(1, fine if fine <= 1_000_000 else rate.numerator)

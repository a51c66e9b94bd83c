"""Network streams, and video files that play at their own pace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nst_rt.errors import InputError
from nst_rt.video.color import color_of, to_rgb
from nst_rt.video.containers import open_input, pyav
from nst_rt.video.live.capture import SILENCE, Shot
from nst_rt.video.reading import VideoReader
from nst_rt.video.timing import Decoded

_CONNECT_TIMEOUT_S = 10.0
"""Seconds that an address may take to answer."""


class Stream:
    """A network stream, whose frames are shown as they arrive.

    A stream of known length (such as a film on a server) plays at its own pace and ends; any other
    stream that ends counts as lost.

    Args:
        address: `rtsp://…`, `http://…` and so on.
        allow_network: whether it may be opened.
    """

    def __init__(self, address: str, *, allow_network: bool) -> None:
        self.name = address
        self.rate: float | None = None
        self._allow_network = allow_network
        self._container: Any = None
        self._frames: Iterator[Any] = iter(())
        self._has_length = False

    def open(self) -> None:
        self._container = open_input(
            self.name, allow_network=self._allow_network, timeout=(_CONNECT_TIMEOUT_S, SILENCE)
        )
        if not self._container.streams.video:
            self.close()
            raise InputError("has no video", path=self.name)
        video = self._container.streams.video[0]
        video.thread_type = "SLICE"  # frame threads would delay by one frame each
        self.rate = float(video.average_rate) if video.average_rate else None
        self._has_length = bool(self._container.duration)
        self._frames = self._decoded(video)

    def read(self) -> Shot | None:
        errors = pyav().error
        try:
            frame = next(self._frames, None)
        except (errors.FFmpegError, OSError) as error:
            raise InputError(getattr(error, "strerror", None) or str(error)) from error
        if frame is None:
            if self._has_length:
                return None
            raise InputError("the stream ended")
        rgb = np.rot90(
            to_rgb(frame, color_of(frame), frame.width, frame.height), round(frame.rotation / 90)
        )
        return np.ascontiguousarray(rgb), frame.time if self._has_length else None

    def close(self) -> None:
        self._frames = iter(())
        if self._container is not None:
            self._container.close()

    def _decoded(self, video: Any) -> Iterator[Any]:
        for packet in self._container.demux(video):
            try:
                yield from packet.decode()
            except pyav().error.InvalidDataError:
                continue  # a stream is joined anywhere, and lacks what its first frames refer to


class PlayedFile:
    """A video file, played at its own pace.

    Args:
        path: the file.
        loop: whether it restarts after its end.
    """

    def __init__(self, path: Path, *, loop: bool = False) -> None:
        self.name = str(path)
        self.rate: float | None = None
        self._path, self._loop = path, loop
        self._shots: Iterator[Shot] = iter(())

    def open(self) -> None:
        reader = VideoReader(self._path)
        self.rate = float(reader.facts.rate) if reader.facts.rate else None
        self._shots = self._played(reader)

    def read(self) -> Shot | None:
        return next(self._shots, None)

    def close(self) -> None:
        close = getattr(self._shots, "close", None)
        if close:
            close()

    def _played(self, reader: VideoReader) -> Iterator[Shot]:
        start = 0.0
        while True:
            end = start
            for decoded in reader.decoded():
                time = start + float(decoded.time)
                end = max(end, time + float(decoded.duration))
                yield _upright(reader, decoded), time
            if not self._loop or end == start:
                return
            start = end


def _upright(reader: VideoReader, decoded: Decoded) -> Any:
    return np.ascontiguousarray(np.rot90(reader.frame(decoded).rgb, reader.facts.quarter_turns))

"""Recording live frames into a file or to an RTMP server, each at its time of arrival."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from nst_rt.errors import OutputError, UnsafeError, UsageError
from nst_rt.video.color import BT709_VIDEO, from_rgb
from nst_rt.video.containers import is_address, pyav
from nst_rt.video.live.capture import SILENCE
from nst_rt.video.live.framing import fitted
from nst_rt.video.live.sinks import LiveSink, PaintedFrame, State
from nst_rt.video.targets import refuse_existing

# every written fragment is complete, so that a recording can be played after a kill
_FRAGMENTS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "500000",
    "flush_packets": "1",
}
_FORMATS = {
    ".mp4": ("mp4", _FRAGMENTS),
    ".m4v": ("mp4", _FRAGMENTS),
    ".mov": ("mov", _FRAGMENTS),
    ".mkv": ("matroska", {"cluster_time_limit": "500", "flush_packets": "1"}),
    ".ts": ("mpegts", {"flush_packets": "1"}),
}
_TIME_BASE = Fraction(1, 1000)
"""Unit of timestamps in seconds; FLV and Matroska have no finer one."""
_ENCODER = {"preset": "veryfast", "tune": "zerolatency", "crf": "20"}


class Recording(LiveSink):
    """Encodes H.264 at the size of the first frame; frames of other proportions get bars.

    Args:
        target: a file, or an address that begins with `rtmp://` or `rtmps://`.
        rate: expected frames per second; a server gets the last one again if none arrives.
        overwrite: whether an existing file may be replaced.
        allow_network: whether an address may be opened.
        split: after a gap so long that the source counts as lost, continue in another file,
            `wall-2.mp4` after `wall.mp4`; otherwise the last frame fills the gap.

    Raises:
        UsageError: the file exists, or its suffix or scheme is unknown.
        UnsafeError: an address without `allow_network`.
    """

    def __init__(
        self,
        target: str,
        rate: float,
        *,
        overwrite: bool = False,
        allow_network: bool = False,
        split: bool = False,
    ) -> None:
        self._target, self._rate = target, rate
        self._split, self._number, self._overwrite = split, 1, overwrite
        self._is_address = is_address(target)
        if self._is_address:
            self._format, self._options = _of_address(target, allow_network=allow_network)
            self.patience = 1 / rate
        else:
            self._format, self._options = _of_file(Path(target), overwrite=overwrite)
        self._container: Any = None
        self._stream: Any = None
        self._start = 0.0
        self._last = -1
        self._held: PaintedFrame | None = None

    def show(self, frame: PaintedFrame, state: State) -> None:
        if self._split and self._held and frame.at - self._held.at > SILENCE:
            self.close()
            self._choose_next_file()
        if self._container is None:
            self._open(*frame.size)
            self._start, self._last = frame.at, -1
        self._held = frame
        self._write(frame, frame.at)

    def hold(self, state: State, now: float) -> None:
        """Repeat the frame for a server, which ends a silent stream; a file needs no repetition."""
        if self._is_address and self._held:
            self._write(self._held, now)

    def close(self) -> None:
        if self._container is None:
            return
        container, self._container = self._container, None
        errors = pyav().FFmpegError
        try:
            for packet in self._stream.encode(None):
                container.mux(packet)
            container.close()
        except (errors, OSError) as error:
            raise self._refusal(error) from error

    def _choose_next_file(self) -> None:
        """Name the next file after the first; existing files are kept unless `overwrite`."""
        first = Path(self._target)
        stem = first.stem.removesuffix(f"-{self._number}") if self._number > 1 else first.stem
        while True:
            self._number += 1
            target = first.with_name(f"{stem}-{self._number}{first.suffix}")
            if self._overwrite or not os.path.lexists(target):
                break
        self._target = str(target)

    def _open(self, height: int, width: int) -> None:
        av = pyav()
        name = self._target
        try:
            if not self._is_address:
                path = Path(self._target).absolute()
                path.parent.mkdir(parents=True, exist_ok=True)
                name = f"file:{path}"
            self._container = av.open(name, "w", format=self._format, options=self._options)
            self._stream = self._container.add_stream(
                "libx264", rate=Fraction(self._rate).limit_denominator(1001), options=_ENCODER
            )
            context = self._stream.codec_context
            context.height, context.width = max(2, height & ~1), max(2, width & ~1)
            context.pix_fmt = "yuv420p"
            context.time_base = _TIME_BASE
            context.gop_size = max(1, round(2 * self._rate))
            BT709_VIDEO.tag(context)
        except (av.FFmpegError, OSError) as error:
            raise self._refusal(error) from error

    def _write(self, frame: PaintedFrame, at: float) -> None:
        context = self._stream.codec_context
        rgb = fitted(frame.rgb, context.height, context.width)
        coded = from_rgb(rgb, BT709_VIDEO, "yuv420p")
        coded.time_base = _TIME_BASE
        coded.pts = self._last = max(self._last + 1, round((at - self._start) / _TIME_BASE))
        try:
            for packet in self._stream.encode(coded):
                self._container.mux(packet)
        except (pyav().FFmpegError, OSError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> OutputError:
        return OutputError.from_error(error, self._target)


def _of_address(target: str, *, allow_network: bool) -> tuple[str, dict[str, str]]:
    if target.split("://")[0].lower() not in ("rtmp", "rtmps"):
        raise UsageError(
            "is not an address that can be written to",
            path=target,
            cure="choose rtmp://… or rtmps://…",
        )
    if not allow_network:
        raise UnsafeError(
            "is on a network", path=target, cure="pass allow_network=True (--allow-network)"
        )
    return "flv", {"flush_packets": "1"}


def _of_file(path: Path, *, overwrite: bool) -> tuple[str, dict[str, str]]:
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(
            f"{path.suffix or 'no suffix'} is not a format for recordings",
            path=path,
            cure=f"choose {', '.join(_FORMATS)}",
        )
    refuse_existing(path, overwrite=overwrite)
    return _FORMATS[path.suffix.lower()]

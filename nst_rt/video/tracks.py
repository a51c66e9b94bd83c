"""Copying the other tracks of a painted video: sound, subtitles, attachments, chapters, tags.

Packets are copied unchanged. Text subtitles of a kind that the container does not support are
rewritten in its own; what cannot be copied is reported before the first frame.
"""

from __future__ import annotations

import io
import logging
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from nst_rt.errors import UsageError
from nst_rt.video.containers import open_input, pyav

logger = logging.getLogger(__name__)

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""FFmpeg's names of the supported containers, by suffix."""
_TEXT = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_TEXT_CODECS = ("mov_text", "subrip", "ass", "ssa", "webvtt", "text")
_COVERS = {"png": ("cover.png", "image/png"), "mjpeg": ("cover.jpg", "image/jpeg")}
"""Name and type of the attachment that Matroska stores as a cover, by its codec."""
_QUICKTIME = {"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "mkd": "mac"}
"""Languages that QuickTime's muxer only knows by their other code."""
_CONTAINER_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "ENCODER")
_STREAM_TAGS = ("encoder", "ENCODER", "DURATION", "vendor_id", "alpha_mode", "ALPHA_MODE")


@dataclass(frozen=True)
class Track:
    """A stream of the source to copy; `text` is the codec in which its subtitles are rewritten."""

    index: int
    text: str | None = None


def plan_tracks(source: Path, target: Path, painted: int) -> list[Track]:
    """Plan the copying of every stream but the painted one, by trying each in the container.

    Raises:
        UsageError: a sound track cannot go into the container.
    """
    muxer = MUXERS[target.suffix.lower()]
    tracks = []
    with open_input(source) as container:
        for stream in container.streams:
            if stream.index == painted:
                continue
            track = _planned(stream, muxer, source)
            if track is not None:
                tracks.append(track)
    return tracks


def _planned(stream: Any, muxer: str, source: Path) -> Track | None:
    index, kind = stream.index, stream.type
    if kind == "attachment":
        if muxer == "matroska":
            return Track(index)
        _left_out(
            source, f"attachment {index} ({stream.name})", f"{muxer} supports none; .mkv does"
        )
        return None
    if kind == "video" and not _is_cover(stream):
        _left_out(
            source, f"video track {index}", "only one is painted, which stream (--stream) chooses"
        )
        return None
    if kind == "data" and (stream.metadata.get("timecode") or stream.discard):
        return None  # the muxer creates the track from the tag or from the chapters
    codec = _codec(stream)
    if _fits(stream, muxer) or (_is_cover(stream) and muxer == "matroska" and codec in _COVERS):
        return Track(index)
    if codec in _TEXT_CODECS:
        text = _TEXT[muxer]
        logger.info("%s: subtitle track %d becomes %s", source.name, index, text)
        return Track(index, text)
    if kind == "audio":
        others = [suffix for suffix, other in MUXERS.items() if _fits(stream, other)]
        cure = f"write {' or '.join(others)}" if others else "convert it to another codec first"
        raise UsageError(f"{muxer} does not support its sound ({codec})", path=source, cure=cure)
    _left_out(source, f"{kind} track {index} ({codec})", f"{muxer} does not support it; .mkv may")
    return None


def _left_out(source: Path, what: str, why: str) -> None:
    logger.warning("%s: %s is dropped: %s", source.name, what, why)


def _codec(stream: Any) -> str:
    context = stream.codec_context
    return str(context.codec.canonical_name) if context is not None else "unknown"


def _is_cover(stream: Any) -> bool:
    return stream.type == "video" and bool(
        stream.disposition & pyav().stream.Disposition.attached_pic
    )


def _fits(stream: Any, muxer: str) -> bool:
    """Return whether the muxer writes a header with this stream."""
    av = pyav()
    try:
        with av.open(io.BytesIO(), "w", format=muxer) as trial:
            _copy_of(trial, stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        return False
    return True


def _copy_of(target: Any, stream: Any) -> Any:
    copy = target.add_stream_from_template(stream, opaque=True)
    copy_tags(stream, copy)
    return copy


def copy_tags(stream: Any, copy: Any) -> None:
    """Copy language, title and the default and forced marks of a stream."""
    copy.metadata.update(_kept(stream.metadata, _STREAM_TAGS))
    if copy.container.format.name == "mov" and "language" in copy.metadata:
        language = copy.metadata["language"]
        copy.metadata["language"] = _QUICKTIME.get(language, language)
    copy.disposition = stream.disposition


def _kept(tags: dict[str, str], but: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in but}


class CopiedTracks:
    """The packets of the copied tracks, ordered by decoding time.

    Args:
        source: the file that was painted.
        target: the open output, before its header is written.
        tracks: the planned tracks.
        start: time in the source at which the output begins, in seconds.
        end: time in the source at which it ends; None for all.
    """

    def __init__(
        self,
        source: Path,
        target: Any,
        tracks: list[Track],
        *,
        start: Fraction = Fraction(0),
        end: Fraction | None = None,
    ) -> None:
        self._container = open_input(source)
        self._start, self._end = start, end
        target.metadata.update(_kept(self._container.metadata, _CONTAINER_TAGS))
        self._copies: dict[int, tuple[Any, Callable[[Any], Any]]] = {}
        self._wanted = []
        for track in tracks:
            stream = self._container.streams[track.index]
            if stream.type == "attachment":
                target.add_attachment(stream.name, stream.mimetype or "", stream.data)
                continue
            if _is_cover(stream) and target.format.name == "matroska":
                target.add_attachment(*_COVERS[_codec(stream)], _cover(source, stream.index))
                continue
            self._wanted.append(stream)
            if track.text is None:
                self._copies[track.index] = (_copy_of(target, stream), _same)
            else:
                copy = target.add_mux_stream(track.text)
                copy.time_base = stream.time_base
                copy_tags(stream, copy)
                rewrite = _as_mov_text if track.text == "mov_text" else _as_text
                self._copies[track.index] = (copy, rewrite)
        self._chapters(target)

    def __iter__(self) -> Iterator[tuple[Fraction, Any]]:
        """Yield pairs of decoding time in the output and packet for the muxer."""
        for packet in self._container.demux(self._wanted) if self._wanted else ():
            cover = _is_cover(packet.stream)
            if cover and packet.size:
                packet.pts = packet.dts = 0
            moment = packet.pts if packet.pts is not None else packet.dts
            if moment is None:
                continue
            if packet.stream.type == "subtitle":
                self._cut(packet)
                moment = packet.pts
            time = moment * packet.time_base
            if not cover and (self._start and time < self._start):
                continue
            if not cover and self._end is not None and time >= self._end:
                continue
            copy, rewrite = self._copies[packet.stream.index]
            rewritten = rewrite(packet)
            if rewritten is None:
                continue
            if not cover:
                _shift(rewritten, self._start)
            rewritten.stream = copy
            order = rewritten.dts if rewritten.dts is not None else rewritten.pts
            yield order * packet.time_base, rewritten

    def close(self) -> None:
        self._container.close()

    def _cut(self, packet: Any) -> None:
        """Cut a subtitle at the start and the end of the output."""
        unit = packet.time_base
        if packet.pts is None or not packet.duration:
            return
        end = packet.pts + packet.duration
        first = round(self._start / unit)
        if self._start and packet.pts < first < end:
            packet.pts = packet.dts = first
        if self._end is not None:
            end = min(end, round(self._end / unit))
        packet.duration = max(0, end - packet.pts)

    def _chapters(self, target: Any) -> None:
        kept = []
        for chapter in self._container.chapters():
            unit = chapter["time_base"] or Fraction(1, 1000)
            start, end = chapter["start"] * unit, chapter["end"] * unit
            if end <= self._start or (self._end is not None and start >= self._end):
                continue
            start = max(start, self._start) - self._start
            end = (end if self._end is None else min(end, self._end)) - self._start
            moved = {"start": round(start / unit), "end": round(end / unit), "time_base": unit}
            kept.append({**chapter, **moved})
        if kept:
            target.set_chapters(kept)


def _cover(source: Path, index: int) -> bytes:
    """Return the file of a cover picture."""
    with open_input(source) as container:
        return bytes(next(container.demux(container.streams[index])))


def _same(packet: Any) -> Any:
    return packet


def _shift(packet: Any, start: Fraction) -> None:
    if start:
        back = round(start / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - back
        packet.dts = None if packet.dts is None else packet.dts - back


def _as_text(packet: Any) -> Any:
    """Return a packet of plain text; None for one that only clears the screen."""
    text = _text(packet)
    return _packet(text.encode(), packet) if text else None


def _as_mov_text(packet: Any) -> Any:
    text = _text(packet).encode()
    return _packet(struct.pack(">H", len(text)) + text, packet) if text else None


def _packet(data: bytes, like: Any) -> Any:
    packet = pyav().Packet(data)
    packet.time_base = like.time_base
    packet.pts, packet.dts, packet.duration = like.pts, like.pts, like.duration
    packet.is_keyframe = True
    return packet


def _text(packet: Any) -> str:
    """Return the text of a subtitle without its formatting."""
    lines = [
        rect.dialogue.decode("utf-8", "replace")
        for rect in packet.decode()
        if rect.type in (b"ass", b"text")
    ]
    plain = re.sub(r"\{[^}]*\}", "", "\n".join(lines))
    return plain.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ").strip()

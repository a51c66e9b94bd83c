"""From the parts of a job to the finished video: packets are copied, nothing is encoded again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from nst_rt.atomic import replacing
from nst_rt.errors import OutputError
from nst_rt.video.containers import open_input, pyav
from nst_rt.video.facts import VideoFacts
from nst_rt.video.job import Part
from nst_rt.video.tracks import MUXERS, Companions, Track, copy_tags


def join(
    parts: list[Part],
    source: Path,
    target: Path,
    tracks: list[Track],
    facts: VideoFacts,
    *,
    last_duration: Fraction,
    start: Fraction = Fraction(0),
    end: Fraction | None = None,
    turned: bool = False,
) -> None:
    """Write the finished video beside its name, flush, rename.

    Args:
        parts: of the painted video, in order.
        source: gives the tracks.
        target: the output.
        tracks: what goes along.
        facts: of the video stream that was painted.
        last_duration: how long the last frame stays, in seconds.
        start: time in the source at which the output begins.
        end: time in the source at which it ends.
        turned: the frames were turned upright, so that the output need not be.

    Raises:
        OutputError: it cannot be written; nothing half-written is left.
    """
    try:
        with replacing(target) as part:
            _write(parts, source, part, target, tracks, facts, last_duration, start, end, turned)
    except (pyav().FFmpegError, OSError) as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"cannot be written ({getattr(error, 'strerror', None) or error})",
            path=target,
            cure="free some disk space and add --resume",
        ) from error


def _write(
    parts: list[Part],
    source: Path,
    unfinished: Path,
    target: Path,
    tracks: list[Track],
    facts: VideoFacts,
    last_duration: Fraction,
    start: Fraction,
    end: Fraction | None,
    turned: bool,
) -> None:
    muxer = MUXERS[target.suffix.lower()]
    unit = facts.time_base
    options = {"avoid_negative_ts": "disabled"}  # sound begins before the picture: keep its times
    if muxer in ("mp4", "mov"):  # edit lists count in the movie's unit, by default milliseconds
        options |= {"movflags": "+faststart", "movie_timescale": str(unit.denominator)}
    with pyav().open(f"file:{unfinished.absolute()}", "w", format=muxer, options=options) as output:
        with open_input(parts[0].path) as first:
            video = output.add_stream_from_template(first.streams.video[0], opaque=True)
        video.time_base = unit
        if facts.rate:  # Matroska's usual duration of a frame, and what timecodes count in
            video.codec_context.framerate = facts.rate
        with open_input(source) as original:
            copy_tags(original.streams[facts.index], video)
        if facts.display_matrix and not turned:
            video.set_display_matrix(facts.display_matrix)
        companions = Companions(source, output, tracks, start=start, end=end)
        try:
            painted = _painted(parts, video, unit, last_duration)
            for packet in _merged(painted, iter(companions)):
                output.mux_one(packet)
        finally:
            companions.close()


def _painted(
    parts: list[Part], stream: Any, unit: Fraction, last_duration: Fraction
) -> Iterator[tuple[Fraction, Any]]:
    """Packets of all parts with their times in the whole.

    Decoding times are made anew from the presentation times of the whole, as an encoder that never
    stopped would have: those of a part begin before its first frame, so they would overlap. The
    first ones lie as far before the video as the last frames are apart, so that packets last as
    long as the video: MP4 knows a packet's duration as the distance of decoding times alone.
    """
    coded = [pts for part in parts for pts, _ in _packets(part, unit)]
    shown = sorted(coded)
    delay = max((index - bisect_left(shown, pts) for index, pts in enumerate(coded)), default=0)
    early = [shown[0] - shown[-1] + pts for pts in shown[-1 - delay : -1]]
    decoded = [*early, *shown[: len(shown) - delay]]
    index = 0
    for part in parts:
        for pts, packet in _packets(part, unit):
            rank = bisect_left(shown, pts)
            last = len(shown) - 1 in (rank, index)
            packet.time_base = unit
            packet.pts = pts
            packet.dts = decoded[index]
            packet.duration = round(last_duration / unit) if last else shown[rank + 1] - pts
            packet.stream = stream
            index += 1
            yield packet.dts * unit, packet


def _packets(part: Part, unit: Fraction) -> Iterator[tuple[int, Any]]:
    """Packets of a part in coded order, with their presentation times in the whole."""
    start = round(part.start / unit)
    with open_input(part.path) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.pts is not None:
                yield start + round(packet.pts * packet.time_base / unit), packet


def _merged(
    first: Iterator[tuple[Fraction, Any]], second: Iterator[tuple[Fraction, Any]]
) -> Iterator[Any]:
    """Both in the order of their times, each read no further than that takes."""
    one, other = next(first, None), next(second, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] <= other[0]):
            assert one is not None
            yield one[1]
            one = next(first, None)
        else:
            yield other[1]
            other = next(second, None)

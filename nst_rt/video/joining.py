"""Joining the parts of a job into the finished video by copying packets, without re-encoding."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

from nst_rt.errors import OutputError
from nst_rt.system.atomic import replacing
from nst_rt.video.containers import open_input, pyav
from nst_rt.video.facts import VideoFacts
from nst_rt.video.job import Part
from nst_rt.video.tracks import MUXERS, CopiedTracks, Track, copy_tags


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
    """Write the finished video beside its final name, flush and rename it.

    Args:
        parts: parts of the painted video, in order.
        source: file of the tracks to copy.
        target: the output.
        tracks: the tracks to copy.
        facts: facts of the video stream that was painted.
        last_duration: duration of the last frame in seconds.
        start: time in the source at which the output begins, in seconds.
        end: time in the source at which it ends.
        turned: whether the frames were turned upright, so that the player need not.

    Raises:
        OutputError: it cannot be written; nothing half-written is left.
    """
    unit = facts.time_base
    try:
        with replacing(target) as unfinished, _open_output(unfinished, target, unit) as output:
            video = _add_video(output, parts[0], source, facts, turned=turned)
            with closing(CopiedTracks(source, output, tracks, start=start, end=end)) as copied:
                painted = _painted(parts, video, unit, last_duration)
                for packet in _merged(painted, iter(copied)):
                    output.mux_one(packet)
    except (pyav().FFmpegError, OSError) as error:
        if isinstance(error, OutputError):
            raise
        cure = "free some disk space and pass resume=True (--resume)"
        raise OutputError.from_error(error, target, cure=cure) from error


def _open_output(unfinished: Path, target: Path, unit: Fraction) -> Any:
    muxer = MUXERS[target.suffix.lower()]
    options = {"avoid_negative_ts": "disabled"}  # keeps sound that begins before the picture
    if muxer in ("mp4", "mov"):  # edit lists use the movie's time scale, by default milliseconds
        options |= {"movflags": "+faststart", "movie_timescale": str(unit.denominator)}
    return pyav().open(f"file:{unfinished.absolute()}", "w", format=muxer, options=options)


def _add_video(output: Any, part: Part, source: Path, facts: VideoFacts, *, turned: bool) -> Any:
    """Add the stream of the painted video, with the tags of the source's stream."""
    with open_input(part.path) as container:
        video = output.add_stream_from_template(container.streams.video[0], opaque=True)
    video.time_base = facts.time_base
    if facts.rate:  # for Matroska's default duration and for timecodes
        video.codec_context.framerate = facts.rate
    with open_input(source) as original:
        copy_tags(original.streams[facts.index], video)
    if facts.display_matrix and not turned:
        video.set_display_matrix(facts.display_matrix)
    return video


def _painted(
    parts: list[Part], stream: Any, unit: Fraction, last_duration: Fraction
) -> Iterator[tuple[Fraction, Any]]:
    """Yield the packets of all parts with their times in the joined video.

    Decoding times are computed anew from all presentation times, as by an encoder that never
    stopped: those of a part begin before its first frame, so they would overlap. The first ones
    precede the video by the distances of its last frames, so that all packets last as long as the
    video: MP4 stores the duration of a packet only as the distance between decoding times.
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
    """Yield the packets of a part in coded order with presentation times in the joined video."""
    start = round(part.start / unit)
    with open_input(part.path) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.pts is not None:
                yield start + round(packet.pts * packet.time_base / unit), packet


def _merged(
    first: Iterator[tuple[Fraction, Any]], second: Iterator[tuple[Fraction, Any]]
) -> Iterator[Any]:
    """Merge both by time, reading each no further than needed."""
    one, other = next(first, None), next(second, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] <= other[0]):
            assert one is not None
            yield one[1]
            one = next(first, None)
        else:
            yield other[1]
            other = next(second, None)

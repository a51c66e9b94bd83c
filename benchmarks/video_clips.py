"""Does a painted video keep all that its source is, but for the pixels?

    python -m benchmarks.video_clips --clips FOLDER

Every video in a folder is painted by `nst-rt video` at a tiny working size, into its own container
and into Matroska, and compared with its source by plain PyAV: number of frames, when each is shown,
how long the last one stays, rotation, shape of pixels, colour tags, and of all copied tracks the
bytes, presentation times, decoding times and durations of every packet. The exit code is 1 when
anything differs by more than the container can hold.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click

from benchmarks import measure
from nst_rt.commands import main
from nst_rt.errors import NstError, UsageError

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif")
MS = Fraction(1, 1000)
"""Time unit of Matroska; MP4 counts in the source's own unit."""
_UNTAGGED = (0, 2)

Packet = tuple[Fraction, Fraction, Fraction, str]
"""A packet: presentation time, decoding time and duration in seconds, hash of the bytes."""


@dataclass
class Contents:
    """Contents of a video file, read with PyAV alone."""

    times: list[Fraction] = field(default_factory=list)
    last: Fraction = Fraction(0)
    duration: Fraction = Fraction(0)
    """Duration of the whole file, where its header has it."""
    size: tuple[int, int] = (0, 0)
    aspect: Fraction = Fraction(1)
    rotation: float = 0
    tags: tuple[int, int, int, int] = (2, 2, 2, 0)
    tracks: list[tuple[str, str | None, list[Packet]]] = field(default_factory=list)
    """Kind, language and packets of every audio and subtitle track."""

    @property
    def end(self) -> Fraction:
        """End of the last track: a header may leave out the last frame, or a text that stays."""
        packets = (one for _, _, track in self.tracks for one in track)
        ends = [time + duration for time, _, duration, _ in packets]
        return max([self.duration, *ends, *(time + self.last for time in self.times[-1:])])


def contents(path: Path) -> Contents:
    """Decode the largest video stream and read all packets of audio and subtitles."""
    found = Contents()
    cover = av.stream.Disposition.attached_pic
    with av.open(str(path)) as container:
        videos = [one for one in container.streams.video if not one.disposition & cover]
        video = max(videos, key=lambda one: one.width * one.height)
        found.duration = Fraction(container.duration or 0, 10**6)
        found.size, found.aspect = (video.width, video.height), _aspect(video)
        for frame in _frames(container, video):
            found.times.append(frame.pts * frame.time_base)
            found.last = (frame.duration or 0) * frame.time_base
            found.rotation = frame.rotation
            found.tags = _tags(frame)
    with av.open(str(path)) as container:
        streams = [one for one in container.streams if one.type in ("audio", "subtitle")]
        packets: dict[int, list[Packet]] = {one.index: [] for one in streams}
        for packet in container.demux(streams) if streams else ():
            if packet.dts is not None:
                packets[packet.stream_index].append(_packet(packet))
        found.tracks = [
            (one.type, one.metadata.get("language"), packets[one.index]) for one in streams
        ]
    return found


def _frames(container: Any, video: Any) -> Iterator[Any]:
    for packet in container.demux(video):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _aspect(video: Any) -> Fraction:
    return video.sample_aspect_ratio or Fraction(1)


def _tags(frame: Any) -> tuple[int, int, int, int]:
    numbers = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
    matrix, primaries, transfer, levels = map(int, numbers)
    return matrix, primaries, transfer, levels


def _packet(packet: Any) -> Packet:
    unit = packet.time_base
    digest = hashlib.md5(bytes(packet)).hexdigest()
    duration = packet.duration * unit
    if not duration and packet.stream.type == "audio":  # read before the codec was known
        context = packet.stream.codec_context
        duration = Fraction(context.frame_size, context.sample_rate)
    return packet.pts * unit, packet.dts * unit, duration, digest


def row_of(source: Contents, painted: Contents, name: str, suffix: str) -> dict[str, Any]:
    """Return what is kept and what is not."""
    tick = MS if suffix in (".mkv", ".webm") else Fraction(0)
    faults = []
    shifts = [abs(a - b) for a, b in zip(source.times, painted.times, strict=False)]
    if len(source.times) != len(painted.times):
        faults.append("number of frames")
    if any(shift > tick for shift in shifts):
        faults.append("times")
    if abs(source.last - painted.last) > tick and source.last:
        faults.append("last duration")
    kept = ("rotation", "aspect", "size")
    faults += [what for what in kept if getattr(source, what) != getattr(painted, what)]
    slack = max(source.last, tick)
    if not source.duration - slack <= painted.duration <= source.end + slack:
        faults.append("duration")
    if not _tagged_as(source, painted):
        faults.append("colour tags")
    copied, differing = _compare_tracks(source, painted, tick, matroska=bool(tick))
    faults += differing
    return {
        "clip": name,
        "into": suffix,
        "frames": len(painted.times),
        "latest ms": round(float(max(shifts, default=Fraction(0))) * 1e3, 3),
        "last ms": round(float(painted.last) * 1e3, 3),
        "whole s": round(float(painted.duration), 3),
        "size": f"{painted.size[0]}x{painted.size[1]}",
        "rotation": painted.rotation,
        "aspect": str(painted.aspect),
        "tags": "/".join(map(str, painted.tags)),
        "packets copied": copied,
        "differs": ", ".join(faults),
    }


def _tagged_as(source: Contents, painted: Contents) -> bool:
    """Return whether all tags are set and the source's are kept; RGB becomes limited YUV."""
    pairs = zip(source.tags[:3], painted.tags[:3], strict=True)
    if source.tags[0] == 0:
        return painted.tags[3] == 1
    same = all(ours == theirs for theirs, ours in pairs if theirs not in _UNTAGGED)
    return same and not set(painted.tags) & {0, 2} - {source.tags[3]}


def _compare_tracks(
    source: Contents, painted: Contents, tick: Fraction, *, matroska: bool
) -> tuple[int, list[str]]:
    """Return how many packets were copied, and the tracks that are not what they were."""
    faults, copied = [], 0
    if [track[0] for track in source.tracks] != [track[0] for track in painted.tracks]:
        return 0, ["tracks"]
    for number, (before, after) in enumerate(zip(source.tracks, painted.tracks, strict=True)):
        kind, language, packets = before
        if kind == "subtitle" and matroska:  # MP4's text becomes another kind of text
            packets = [one for one in packets if one[2] and one[3] != _NO_TEXT]
        if len(packets) != len(after[2]):
            faults.append(f"packets of {kind} {number}")
            continue
        for theirs, ours in zip(packets, after[2], strict=True):
            same_bytes = theirs[3] == ours[3] or (kind == "subtitle" and matroska)
            apart = [abs(a - b) for a, b in zip(theirs[:3], ours[:3], strict=True)]
            if matroska and theirs is packets[-1]:
                del apart[2]  # it says how long packets of sound are, not that the last is shorter
            if not same_bytes or max(apart) > tick:
                faults.append(f"a packet of {kind} {number} at {float(theirs[0]):.3f} s")
                break
            copied += 1
        if (language or "und") != (after[1] or "und"):
            faults.append(f"language of {kind} {number}")
    return copied, faults


_NO_TEXT = hashlib.md5(b"\0\0").hexdigest()
"""Bytes of MP4's subtitle that clears the screen."""


def paint(clip: Path, target: Path, style: str) -> None:
    arguments = ["-q", "video", str(clip), str(target), "--style", style, "--size", "64"]
    code = main.main(arguments, standalone_mode=False)
    if code:
        raise NstError(f"nst-rt video ended with {code}", path=clip)


@click.command()
@click.argument("style", default="starry-night")
@click.option(
    "--clips",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of videos.",
)
@measure.results_option
def video_clips(style: str, clips: Path, results: Path) -> None:
    """Paint every clip and compare all but its pixels."""
    av.logging.set_level(None)
    found = sorted(path for path in clips.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise UsageError("has no video", path=clips, cure=f"put {', '.join(SUFFIXES)} there")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for clip in measure.progress(found, "clips"):
            source = contents(clip)
            own = clip.suffix.lower() if clip.suffix.lower() != ".gif" else ".mp4"
            for suffix in dict.fromkeys((own, ".mkv")):
                target = Path(folder) / f"{clip.stem}{suffix}"
                paint(clip, target, style)
                rows.append(row_of(source, contents(target), clip.name, suffix))
                target.unlink()
    facts = measure.machine(threads=2)
    facts["versions"]["av"] = av.__version__
    measure.write_results("video_clips", facts, {"style": style, "rows": rows}, results)
    measure.show(facts, measure.markdown(rows))
    if any(row["differs"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    measure.run(video_clips)

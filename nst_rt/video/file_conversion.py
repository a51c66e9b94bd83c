"""Painting a video file into another: every frame at its time, everything else copied."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

from nst_rt._version import __version__
from nst_rt.errors import InputError
from nst_rt.pipeline import Pipeline, Stage, StageProfile
from nst_rt.system.arguments import file_path, seconds
from nst_rt.video.color import from_rgb
from nst_rt.video.containers import pyav
from nst_rt.video.converted import Converted, Progress
from nst_rt.video.encoding import DEFAULT_ENCODING, ChosenEncoder, Encoding, choose_encoder
from nst_rt.video.frames import Frame
from nst_rt.video.job import ConversionJob, is_unfinished
from nst_rt.video.joining import join
from nst_rt.video.painters import FramePainter
from nst_rt.video.parts import PartWriter
from nst_rt.video.reading import VideoReader
from nst_rt.video.selection import EVERYTHING, Selection
from nst_rt.video.targets import refuse_existing, refuse_source_as_target
from nst_rt.video.timing import Decoded
from nst_rt.video.tracks import plan_tracks

PART_SECONDS = 10.0
"""Length of the parts of a conversion, and the most that a kill can cost."""


def convert_file(
    source: str | Path,
    target: str | Path,
    painter: FramePainter,
    *,
    encoding: Encoding = DEFAULT_ENCODING,
    selection: Selection = EVERYTHING,
    resume: bool = False,
    overwrite: bool = False,
    part_seconds: float = PART_SECONDS,
    progress: Progress | None = None,
) -> Converted:
    """Paint a video file; the call can be stopped at any time and resumed with equal arguments.

    Sound, subtitles, attachments, chapters and tags are copied.

    Args:
        source: a file that contains a video.
        target: .mp4, .m4v, .mov, .mkv or .webm.
        painter: paints the frames.
        encoding: of the video; by default H.264 at constant quality (VP9 for .webm).
        selection: which frames; by default all of the largest video stream.
        resume: continue an unfinished job.
        overwrite: replace an existing output, and restart an unfinished job.
        part_seconds: length of the parts; the most that is painted twice after a kill.
        progress: called after every frame.

    Raises:
        InputError: the source cannot be used.
        UsageError: the output does not fit or exists, or an unfinished job differs.
        ProviderError: the encoder is not available.
        OutputError: the output cannot be written; the conversion can be resumed.
    """
    source, target = file_path("source", source), file_path("target", target)
    part_seconds = float(seconds("part_seconds", part_seconds))
    refuse_source_as_target(source, target)
    resumed = resume and is_unfinished(target)  # its first call was allowed to replace the output
    refuse_existing(target, overwrite=overwrite or resumed)
    reader = VideoReader(source, selection)
    facts = reader.facts
    size = painter.output_size(*reader.size)
    encoder = choose_encoder(encoding, target, facts, size)
    tracks = plan_tracks(source, target, facts.index)
    identity = {
        "source": _hash(source),
        "painter": painter.identity(),
        "encoder": encoder.as_dict(),
        "selection": {key: str(value) for key, value in asdict(selection).items()},
        "part_seconds": part_seconds,
        "versions": {"nst_rt": __version__, "av": pyav().__version__},
    }
    begun = perf_counter()
    with ConversionJob(target, identity, resume=resume, overwrite=overwrite) as job:
        done = job.frames
        if job.parts:
            painter.restore(job.parts[-1].state)
        writer = PartWriter(job, encoder, facts, size, seconds=part_seconds)
        run = _Run(reader, painter, encoder, writer, done)
        profile = run.all_frames(progress)
        if not job.parts:
            raise InputError("has no frame in that section", path=source)
        join(
            job.parts,
            source,
            target,
            tracks,
            facts,
            last_duration=run.last_duration,
            start=selection.start,
            end=selection.end,
            turned=selection.upright,
        )
        frames = job.frames
        job.discard()
    return Converted(
        output=str(target),
        frames=frames,
        painted=frames - done,
        seconds=perf_counter() - begun,
        width=size[1],
        height=size[0],
        encoder=encoder.codec,
        damaged_packets=reader.repairs.damaged_packets,
        profile=profile,
    )


class _Run:
    """The pipeline of a conversion, from the frames of the source to the parts of the output."""

    def __init__(
        self,
        reader: VideoReader,
        painter: FramePainter,
        encoder: ChosenEncoder,
        writer: PartWriter,
        done: int,
    ) -> None:
        self._reader, self._painter, self._encoder = reader, painter, encoder
        self._writer, self._done = writer, done
        self.last_duration = Fraction(0)

    def all_frames(self, progress: Progress | None) -> list[StageProfile]:
        """Paint all frames that are not done; those encoded before a failure are kept."""
        stages = Pipeline(
            self._remaining(),
            Stage("to rgb", self._reader.frame),
            Stage("paint", self._paint, workers=self._painter.workers),
            Stage("to yuv", self._to_yuv),
            Stage("encode", self._encode),
        )
        total = self._reader.count
        try:
            with stages as encoded:
                for number, _ in enumerate(encoded, self._done + 1):
                    if progress is not None:
                        progress(number, total)
        finally:
            if stages.ended:  # after a second Ctrl-C it has not, and the encoder is in use
                self._writer.finish()
        return stages.profile()

    def _remaining(self) -> Iterator[Decoded]:
        """Yield the frames of the selection that are not done."""
        for number, decoded in enumerate(self._reader.selected()):
            self.last_duration = decoded.duration
            if number >= self._done:
                yield decoded

    def _paint(self, frame: Frame) -> tuple[Frame, Any]:
        return self._painter.paint(frame), self._painter.state()

    def _to_yuv(self, painted: tuple[Frame, Any]) -> tuple[Any, Frame, Any]:
        frame, state = painted
        color = self._reader.facts.color
        return from_rgb(frame.rgb, color, self._encoder.pixel_format), frame, state

    def _encode(self, coded: tuple[Any, Frame, Any]) -> None:
        picture, frame, state = coded
        self._writer.write(picture, frame.time, frame.duration, state)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

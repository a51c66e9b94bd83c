"""A video file painted into another: every frame at its time, everything else copied."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

from nst_rt._version import __version__
from nst_rt.arguments import file_path, seconds
from nst_rt.errors import InputError, UsageError
from nst_rt.pipeline import Pipeline, Stage, StageProfile
from nst_rt.video.color import from_rgb
from nst_rt.video.containers import pyav
from nst_rt.video.encoding import DEFAULT_ENCODING, ChosenEncoder, Encoding, choose_encoder
from nst_rt.video.frames import Frame
from nst_rt.video.job import Job, is_unfinished
from nst_rt.video.joining import join
from nst_rt.video.painters import FramePainter
from nst_rt.video.parts import PartWriter
from nst_rt.video.reading import EVERYTHING, VideoReader
from nst_rt.video.selection import Selection
from nst_rt.video.timing import Decoded
from nst_rt.video.tracks import plan_tracks

PART_SECONDS = 10.0
"""Length of the parts that a conversion is made of, and the most that a kill can cost."""

Progress = Callable[[int, int | None], None]
"""Called after each frame with how many are done and how many there will be, if that is known."""


@dataclass(frozen=True)
class Converted:
    """A finished conversion.

    Attributes:
        frames: in the output; `painted` of them by this call, the others were there already.
        damaged_packets: of the source that could not be decoded.
        profile: where the time went, stage by stage.
    """

    output: str
    frames: int
    painted: int
    seconds: float
    width: int
    height: int
    encoder: str
    damaged_packets: int
    profile: list[StageProfile]

    @property
    def rate(self) -> float:
        """Frames painted per second."""
        return self.painted / self.seconds if self.seconds else 0.0


def convert(
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
    """Paint a video file. It can be stopped at any moment and resumed with the same arguments.

    Args:
        source: a file that holds a video.
        target: .mp4, .m4v, .mov, .mkv or .webm.
        painter: paints the frames.
        encoding: of the video; by default H.264 at constant quality (VP9 for .webm).
        selection: which frames; by default all of the largest video stream.
        resume: go on with an unfinished job.
        overwrite: replace an output that exists, and begin an unfinished job anew.
        part_seconds: length of the parts; the most that is painted twice after a kill.
        progress: told of every frame.

    Raises:
        InputError: the source cannot be used.
        UsageError: something about the output does not fit, or an unfinished job differs.
        ProviderError: the encoder is absent.
        OutputError: the output cannot be written; what is done can be resumed.
    """
    source, target = file_path("source", source), file_path("target", target)
    part_seconds = float(seconds("part_seconds", part_seconds))
    begun_before = resume and is_unfinished(target)  # then that it is replaced was said
    refuse_target(source, target, overwrite=overwrite or begun_before)
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
    with Job(target, identity, resume=resume, overwrite=overwrite) as job:
        done = job.frames
        if job.parts:
            painter.restore(job.parts[-1].state)
        writer = PartWriter(job, encoder, facts, size, seconds=part_seconds)
        run = _Run(reader, painter, encoder, writer, done)
        profile = run.all_frames(progress)
        if not job.parts:
            raise InputError("has no frame in that stretch", path=source)
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
    """The frames' way through the pipeline, from the file to its parts."""

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
        """Paint all that is not done; what was encoded when something fails can be resumed."""
        stages = Pipeline(
            self._left(),
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
            if stages.ended:  # else who stopped it twice does not wait, and the encoder is in use
                self._writer.finish()
        return stages.profile()

    def _left(self) -> Iterator[Decoded]:
        """The frames of the selection, but for those that are done."""
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


def refuse_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Raise `UsageError` where the output would replace its source, or what is there unasked."""
    if os.path.lexists(target):
        if source.exists() and target.exists() and source.samefile(target):
            raise UsageError("is the video itself", path=target, cure="choose another output")
        if not overwrite:
            raise UsageError("exists already", path=target, cure="add --overwrite")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

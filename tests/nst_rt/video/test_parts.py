"""Parts are whole or not there, and fit together whatever their lengths."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nst_rt.errors import OutputError
from nst_rt.video.color import from_rgb
from nst_rt.video.encoding import Encoding, choose_encoder
from nst_rt.video.job import ConversionJob
from nst_rt.video.joining import join
from nst_rt.video.parts import PartWriter
from nst_rt.video.reading import VideoReader

from .clips import make_clip, numbered
from .contents import shown


class Written:
    """Numbered frames on their way into the parts of a job."""

    def __init__(self, clip: Path, job: ConversionJob, **options) -> None:
        self.facts = VideoReader(clip).facts
        encoder = choose_encoder(Encoding(), job.target, self.facts, (48, 64))
        self.job, self.pixel_format = job, encoder.pixel_format
        self.writer = PartWriter(job, encoder, self.facts, (48, 64), **options)

    def write(self, index: int, *, late: int = 0) -> None:
        picture = from_rgb(numbered(index, 48, 64), self.facts.color, self.pixel_format)
        time = Fraction(40 * index + late, 1000)
        self.writer.write(picture, time, Fraction(1, 25), {"painted": index})


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4")


def test_part_ends_at_its_length_and_notes_what_it_holds(clip, tmp_path: Path) -> None:
    with ConversionJob(tmp_path / "out.mp4", {}) as job:
        written = Written(clip, job, seconds=0.2)
        for index in range(12):
            written.write(index)
        assert [len(shown(part.path)) for part in job.parts] == [5, 5]
        written.writer.finish()
        written.writer.finish()  # nothing is open any more
        assert [(part.frames, part.start, part.state) for part in job.parts] == [
            (5, Fraction(0), {"painted": 4}),
            (5, Fraction(1, 5), {"painted": 9}),
            (2, Fraction(2, 5), {"painted": 11}),
        ]
        assert job.frames == 12


def test_abandoned_part_leaves_no_file(clip, tmp_path: Path) -> None:
    with ConversionJob(tmp_path / "out.mp4", {}) as job:
        written = Written(clip, job)
        for index in range(80):  # an encoder keeps the first ones to itself
            written.write(index)
        assert len(list(job.folder.glob("unfinished-*"))) == 1
        written.writer.abort()
        written.writer.abort()
        assert list(job.folder.glob("unfinished-*")) == []
        assert job.parts == []


def test_part_that_cannot_be_written_is_exit_6_and_those_before_stay(clip, tmp_path: Path) -> None:
    with ConversionJob(tmp_path / "out.mp4", {}) as job:
        written = Written(clip, job, seconds=0.1)
        for index in range(4):
            written.write(index)
        shutil.rmtree(job.folder)
        with pytest.raises(OutputError, match=r"cannot be written .*free some disk space and pass"):
            written.writer.finish()
        assert [part.frames for part in job.parts] == [3]


def test_times_between_units_neither_meet_nor_go_back(clip, tmp_path: Path) -> None:
    """Rebuilt times fall between the units of a clip; every part rounds them for itself."""
    target = tmp_path / "out.mp4"
    with ConversionJob(target, {}) as job:
        written = Written(clip, job, seconds=0.13)
        unit = written.facts.time_base
        times = [index * Fraction(1001, 30000) for index in range(40)]
        for index, time in enumerate(times):
            picture = from_rgb(np.zeros((48, 64, 3), np.uint8), written.facts.color, "yuv420p")
            written.writer.write(picture, time, times[1], index)
        written.writer.finish()
        join(job.parts, clip, target, [], written.facts, last_duration=times[1])
        job.discard()
    found = [frame.time for frame in shown(target)]
    assert len(found) == 40
    assert all(abs(one - other) <= unit for one, other in zip(found, times, strict=True))


def test_output_that_cannot_be_written_is_exit_6_and_leaves_nothing(clip, tmp_path: Path) -> None:
    with ConversionJob(tmp_path / "out.mp4", {}) as job:
        written = Written(clip, job)
        written.write(0)
        written.writer.finish()
        absent = tmp_path / "absent" / "out.mp4"
        with pytest.raises(OutputError, match=r"out\.mp4: cannot be written \(No such file or dir"):
            join(job.parts, clip, absent, [], written.facts, last_duration=Fraction(1, 25))
    assert not absent.parent.exists()

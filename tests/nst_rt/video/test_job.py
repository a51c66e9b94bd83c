"""What lies beside an unfinished output, and who may go on with it."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from nst_rt import Stylizer
from nst_rt.errors import OutputError, UsageError
from nst_rt.video import Converted, SteadyPainter, file_conversion
from nst_rt.video.converting import convert
from nst_rt.video.frames import Frame
from nst_rt.video.job import ConversionJob

from .clips import make_clip
from .contents import shown
from .inverting import Inverting


def folder_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.nst-rt-job")


class Stopping(Inverting):
    """Is interrupted at a moment, as by Ctrl-C."""

    def __init__(self, at: Fraction, workers: int = 1) -> None:
        super().__init__(workers)
        self.at = at

    def paint(self, frame: Frame) -> Frame:
        if frame.time >= self.at:
            raise KeyboardInterrupt
        return super().paint(frame)


@pytest.fixture
def unfinished(tmp_path: Path) -> tuple[Path, Path]:
    """A clip of two seconds, and an output that was stopped after one and a half."""
    clip, target = make_clip(tmp_path / "clip.mp4", range(0, 2000, 40)), tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        convert(clip, target, Stopping(Fraction(3, 2)), part_seconds=0.5)
    assert len(list(folder_of(target).glob("0*.mp4"))) == 3
    return clip, target


def test_resumed_job_paints_only_what_is_left_and_restores_the_painter(unfinished) -> None:
    clip, target = unfinished
    painter = Inverting(workers=1)
    done = convert(clip, target, painter, part_seconds=0.5, resume=True)
    assert (done.frames, done.painted) == (50, 50 - 38)
    assert painter.count == 50  # it went on counting from what it knew
    assert [frame.number for frame in shown(target)] == [255 - index for index in range(50)]
    assert not folder_of(target).exists()


def test_job_that_overwrites_is_resumed_without_saying_so_again(unfinished) -> None:
    """The old output lies there until the new one is complete."""
    clip, target = unfinished
    target.write_bytes(b"old")
    done = convert(clip, target, Inverting(workers=1), part_seconds=0.5, resume=True)
    assert (done.painted, len(shown(target))) == (12, 50)
    target.write_bytes(b"new")
    with pytest.raises(UsageError, match="exists already"):
        convert(clip, target, Inverting(workers=1), part_seconds=0.5, resume=True)


def test_resume_without_a_job_begins_one(tmp_path: Path) -> None:
    clip, target = make_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    assert convert(clip, target, Inverting(), resume=True).painted == 10


def test_steady_video_goes_on_only_with_its_steady_file(steady_style, tmp_path: Path) -> None:
    clip, target = make_clip(tmp_path / "clip.mp4", range(0, 2000, 40)), tmp_path / "out.mp4"
    for name in ("thin.onnx", "thin.steady.onnx"):
        shutil.copy(steady_style.with_name(name), tmp_path)

    def stop(done: int, of: int | None) -> None:
        if done == 20:
            raise KeyboardInterrupt

    def painted(**options: Any) -> Converted:
        with Stylizer(tmp_path / "thin.onnx", threads=1) as stylizer:
            painter = SteadyPainter(stylizer, smoothing=np.float32(0.5))
            return convert(clip, target, painter, part_seconds=0.4, **options)

    with pytest.raises(KeyboardInterrupt):
        painted(progress=stop)
    steady = tmp_path / "thin.steady.onnx"
    before = steady.read_bytes()
    model = onnx.load(steady)
    onnx.save(with_doubled_biases(model), steady)
    with pytest.raises(UsageError, match="cannot be resumed: the steady file is another file; use"):
        painted(resume=True)
    steady.write_bytes(before)
    assert painted(resume=True).painted < 50


def with_doubled_biases(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with other weights and all that it said of itself."""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 1:
            doubled = 2 * onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(doubled, tensor.name))
    return model


def test_resuming_what_is_all_painted_only_joins(tmp_path: Path, monkeypatch) -> None:
    clip, target = make_clip(tmp_path / "clip.mp4", range(0, 2000, 40)), tmp_path / "out.mp4"
    whole = tmp_path / "whole.mp4"
    convert(clip, whole, Inverting(), part_seconds=0.5)

    def full(*arguments: object, **options: object) -> None:
        raise OutputError("cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(file_conversion, "join", full)
        with pytest.raises(OutputError):
            convert(clip, target, Inverting(), part_seconds=0.5)
    done = convert(clip, target, Inverting(), part_seconds=0.5, resume=True)
    assert (done.frames, done.painted) == (50, 0)
    assert target.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("damage", ["note", "part", "unfinished"])
def test_part_that_is_not_whole_is_painted_again(unfinished, damage) -> None:
    """A kill may come between a part's name and its note, or in the middle of a part."""
    clip, target = unfinished
    folder = folder_of(target)
    if damage == "note":
        (folder / "00002.json").unlink()
    elif damage == "part":
        (folder / "00001.mp4").unlink()
    else:
        (folder / "unfinished-00003.1.mp4").write_bytes(b"half of a part")
    done = convert(clip, target, Inverting(workers=1), part_seconds=0.5, resume=True)
    assert done.painted == {"note": 50 - 26, "part": 50 - 13, "unfinished": 50 - 38}[damage]
    assert [frame.number for frame in shown(target)] == [255 - index for index in range(50)]
    assert not folder.exists()


def test_notes_that_cannot_be_read_are_told(unfinished) -> None:
    clip, target = unfinished
    (folder_of(target) / "job.json").write_bytes(b"{")
    with pytest.raises(
        UsageError, match=r"the job's notes are damaged; restart with overwrite=True"
    ):
        convert(clip, target, Inverting(workers=1), part_seconds=0.5, resume=True)
    convert(clip, target, Inverting(workers=1), part_seconds=0.5, overwrite=True)
    assert len(shown(target)) == 50


def test_stopped_before_the_first_part_leaves_nothing(tmp_path: Path) -> None:
    clip, target = make_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        convert(clip, target, Stopping(Fraction(0)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


def test_what_differs_is_named(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with ConversionJob(target, {"source": "a", "crf": 20}) as job:
        part = job.folder / "unfinished-00000.1.mp4"
        part.write_bytes(b"part")
        job.add(part, 5, Fraction(0), {"count": 5})
    with (
        pytest.raises(UsageError, match="crf was 20 and is 30; the source is another file; use th"),
        ConversionJob(target, {"source": "b", "crf": 30}, resume=True),
    ):
        pass
    with ConversionJob(target, {"source": "a", "crf": 20}, resume=True) as job:
        assert [(one.frames, one.start, one.state) for one in job.parts] == [(5, 0, {"count": 5})]


def hold(target: Path, held: object, done: object) -> None:
    with ConversionJob(target, {}):
        held.set()
        done.wait(30)


def test_other_process_is_named_and_its_lock_ends_with_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    target, held, done = tmp_path / "out.mp4", context.Event(), context.Event()
    process = context.Process(target=hold, args=(target, held, done))
    process.start()
    assert held.wait(30)
    with (
        pytest.raises(
            UsageError, match=f"is being written by process {process.pid}; wait, or stop"
        ),
        ConversionJob(target, {}),
    ):
        pass
    process.kill()
    process.join()
    with ConversionJob(target, {}, overwrite=True):
        assert json.loads((folder_of(target) / "job.json").read_bytes())["owner"] != process.pid
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_exit_6(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(OutputError, match="cannot be written") as caught,
        ConversionJob(tmp_path / "file" / "out.mp4", {}),
    ):
        pass
    assert caught.value.exit_code == 6


def test_name_as_long_as_names_may_be_has_a_job(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [0, 40])
    target = tmp_path / ("ü" * 125 + ".mp4")
    convert(clip, target, Inverting())
    assert len(shown(target)) == 2

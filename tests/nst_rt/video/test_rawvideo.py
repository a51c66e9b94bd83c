"""Bare pixels in pipes: cut where frames end, whatever pieces they come in, and told when short."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nst_rt.errors import InputError, LimitError, OutputError, UsageError
from nst_rt.pipeline import Pipeline
from nst_rt.video.frames import Frame
from nst_rt.video.pipes import ByteReader, ByteWriter
from nst_rt.video.rawvideo import RawVideoSink, RawVideoSource


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 7, 5, 3), np.uint8)


def piped(data: bytes, piece: int) -> ByteReader:
    """A pipe into which a thread writes in pieces."""
    outlet, inlet = os.pipe()

    def write() -> None:
        with os.fdopen(inlet, "wb", buffering=0) as file:
            for start in range(0, len(data), piece):
                file.write(data[start : start + piece])

    reader = ByteReader(f"/dev/fd/{outlet}")
    os.close(outlet)
    threading.Thread(target=write).start()
    return reader


@pytest.mark.parametrize("piece", [1, 100, 10_000])
def test_frames_come_whole_in_whatever_pieces(frames, piece) -> None:
    source = RawVideoSource(piped(frames.tobytes(), piece), (7, 5), rate=Fraction(30000, 1001))
    got = list(source)
    source.close()
    assert (np.stack([frame.rgb for frame in got]) == frames).all()
    assert [frame.time for frame in got] == [Fraction(1001 * n, 30000) for n in range(3)]
    assert {frame.duration for frame in got} == {Fraction(1001, 30000)}
    assert source.count is None


def test_blue_comes_first_where_declared(frames, tmp_path: Path) -> None:
    path = tmp_path / "video.bgr"
    path.write_bytes(frames[..., ::-1].tobytes())
    source = RawVideoSource(ByteReader(str(path)), (7, 5), pixel_format="bgr24")
    assert source.count == 3
    assert (np.stack([frame.rgb for frame in source]) == frames).all()
    sink = RawVideoSink(ByteWriter(str(tmp_path / "again.bgr")), pixel_format="bgr24")
    source = RawVideoSource(ByteReader(str(path)), (7, 5), pixel_format="bgr24")
    for frame in source:
        sink.write(frame)
    assert not (tmp_path / "again.bgr").exists()
    sink.finish()
    assert (tmp_path / "again.bgr").read_bytes() == path.read_bytes()
    sink.abort()
    assert {file.name for file in tmp_path.iterdir()} == {"again.bgr", "video.bgr"}


def test_frame_that_is_cut_off_is_told_and_the_rest_kept(frames, caplog) -> None:
    got = list(RawVideoSource(piped(frames.tobytes()[:-1], 50), (7, 5)))
    assert len(got) == 2
    assert "frame 3 ends after 104 of 105 bytes and is dropped; is 5x7 its size?" in caplog.text


@pytest.mark.parametrize("length", [0, 104])
def test_nothing_is_no_frame(length) -> None:
    with pytest.raises(InputError, match="has no frame"):
        list(RawVideoSource(piped(bytes(length), 50), (7, 5)))


def test_what_is_transparent_is_laid_on_white() -> None:
    written = []
    alpha = np.array([[0, 255, 51]], np.uint8)
    frame = Frame(np.full((1, 3, 3), 100, np.uint8), Fraction(0), Fraction(1), alpha)
    RawVideoSink(ByteWriter("-", lambda data: written.append(bytes(data)))).write(frame)
    assert list(written[0]) == [255] * 3 + [100] * 3 + [224] * 3


def test_sizes_that_are_none_are_refused() -> None:
    reader = piped(b"", 1)
    with pytest.raises(UsageError, match="height is 0"):
        RawVideoSource(reader, (0, 5))
    with pytest.raises(UsageError, match="rate is 0; choose it from"):
        RawVideoSource(reader, (5, 5), rate=Fraction(0))
    with pytest.raises(LimitError, match="99999x99999"):
        RawVideoSource(reader, (99_999, 99_999))


def test_input_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.rgb: cannot be read"):
        ByteReader(str(tmp_path / "none.rgb"))
    with pytest.raises(InputError, match="cannot be read"):
        list(RawVideoSource(ByteReader(str(tmp_path)), (7, 5)))


def test_source_that_waits_for_a_pipe_ends_with_its_pipeline() -> None:
    outlet, inlet = os.pipe()
    reader = ByteReader(f"/dev/fd/{outlet}")

    def leave() -> None:
        with Pipeline(RawVideoSource(reader, (7, 5))):
            pass

    leaving = threading.Thread(target=leave)
    leaving.start()
    leaving.join(20)
    ended = not leaving.is_alive()
    os.close(inlet)
    os.close(outlet)
    leaving.join()
    assert ended


def test_output_that_cannot_be_written_is_one_line(frames, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        ByteWriter(str(tmp_path / "file" / "video.rgb"))

    def no_room(data: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"standard output: cannot be written \(No space"):
        ByteWriter("-", no_room).write(b"x")


def test_reader_that_leaves_is_a_broken_pipe() -> None:
    outlet, inlet = os.pipe()
    os.close(outlet)
    with os.fdopen(inlet, "wb", buffering=0) as file, pytest.raises(BrokenPipeError):
        ByteWriter("-", file.write).write(b"x")


def test_aborted_output_leaves_nothing(tmp_path: Path) -> None:
    old = tmp_path / "video.rgb"
    old.write_bytes(b"old")
    writer = ByteWriter(str(old))
    writer.write(b"new")
    writer.abort()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]

"""Which source and sink a name means, and pipes from one process to the next."""

from __future__ import annotations

import io
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import InputError, UsageError
from nst_rt.video.animations import AnimationSink, AnimationSource
from nst_rt.video.files import VideoFileSink, VideoFileSource
from nst_rt.video.opening import open_sink, open_source
from nst_rt.video.rawvideo import RawVideoSink, RawVideoSource
from nst_rt.video.sequences import ImageSequenceSink, ImageSequenceSource
from nst_rt.video.yuv4mpeg import Y4mSink, Y4mSource

from .clips import make_clip

PASS = """
import sys
from nst_rt.video.opening import open_sink, open_source
from nst_rt.video.frame_conversion import convert_frames
from tests.nst_rt.video.inverting import Inverting

size = tuple(map(int, sys.argv[1:3])) or None
source = open_source("-", size=size)
convert_frames(source, open_sink("-", source, (source.height, source.width)), Inverting())
"""
LIKE = SimpleNamespace(rate=Fraction(25))


def piped(data: bytes, *size: int) -> bytes:
    command = [sys.executable, "-c", PASS, *map(str, size)]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def test_names_mean_what_they_say(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "1.png")
    for name in ("v.y4m", "v.rgb", "v.bgr"):
        (tmp_path / name).write_bytes(b"YUV4MPEG2 W4 H4 F25:1\n")
    kinds = {
        "v.y4m": Y4mSource, "v.rgb": RawVideoSource, "v.bgr": RawVideoSource,
        "1.png": AnimationSource, "%d.png": ImageSequenceSource, "": ImageSequenceSource,
    }  # fmt: skip
    for name, kind in kinds.items():
        source = open_source(str(tmp_path / name), size=(4, 4))
        assert isinstance(source, kind)
        source.close()
    clip = make_clip(tmp_path / "v.mkv")
    assert isinstance(open_source(clip), VideoFileSource)
    for name in (clip, tmp_path / "1.png"):
        with pytest.raises(UsageError, match=r"has its own times; leave rate \(--rate\) out"):
            open_source(name, rate=Fraction(5))
    sinks = {
        "o.y4m": Y4mSink, "o.rgb": RawVideoSink, "o.gif": AnimationSink, "o.WEBP": AnimationSink,
        "o%d.png": ImageSequenceSink, "o/": ImageSequenceSink, "o.mp4": VideoFileSink,
    }  # fmt: skip
    for name, kind in sinks.items():
        sink = open_sink(f"{tmp_path}/{name}", LIKE, (4, 4))
        assert isinstance(sink, kind)
        sink.abort()


def test_raw_pixels_want_a_size(tmp_path: Path) -> None:
    (tmp_path / "v.rgb").touch()
    with pytest.raises(UsageError, match=r"do not contain their size; pass size=\(height, width\)"):
        open_source(str(tmp_path / "v.rgb"))
    (tmp_path / "v.y4m").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="does not begin with YUV4MPEG2"):
        open_source(str(tmp_path / "v.y4m"), size=(4, 4))


@pytest.mark.parametrize("name", ["o.gif", "o.y4m", "o.rgb"])
def test_files_that_are_there_are_replaced_when_asked_alone(name, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(UsageError, match=r"exists already; pass overwrite=True \(--overwrite\)"):
        open_sink(str(tmp_path / name), LIKE, (4, 4))
    sink = open_sink(str(tmp_path / name), LIKE, (4, 4), overwrite=True)
    assert sink is not None
    sink.abort()
    assert (tmp_path / name).read_bytes() == b"old"


def test_raw_pixels_go_through_a_pipe() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 36, 64, 3), np.uint8)
    assert piped(frames.tobytes(), 36, 64) == (255 - frames).tobytes()


@pytest.mark.parametrize("size", [(), (36, 64)])
def test_y4m_goes_through_a_pipe_whatever_size_is_said(size) -> None:
    out = piped(b"YUV4MPEG2 W16 H9 F30000:1001 C444\n" + y4m_frames(16, 9), *size)
    with av.open(io.BytesIO(out), format="yuv4mpegpipe") as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)
        luma = [int(np.frombuffer(f.planes[0], np.uint8)[0]) for f in container.decode(video=0)]
    assert luma == pytest.approx([16 + 235 - 50, 16 + 235 - 128], abs=1)


def y4m_frames(width: int, height: int) -> bytes:
    """Two gray frames in 4:4:4."""
    colors = bytes([128]) * (2 * width * height)
    lumas = (bytes([level]) * (width * height) for level in (50, 128))
    return b"".join(b"FRAME\n" + luma + colors for luma in lumas)


def test_process_ends_when_its_reader_leaves() -> None:
    frames = np.zeros((64, 64, 64, 3), np.uint8).tobytes()
    command = [sys.executable, "-c", PASS, "64", "64"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stderr
        child.stdin.write(frames[: 64 * 64 * 3])
        child.stdin.flush()
        assert len(child.stdout.read(64 * 64 * 3)) == 64 * 64 * 3
        child.stdout.close()
        try:
            while True:  # the input never ends by itself
                child.stdin.write(frames)
        except BrokenPipeError:
            pass
        assert child.wait(20) == 1
        assert b"BrokenPipeError" in child.stderr.read()

"""`nst-rt video` between pipes, animations and folders, and how it ends there."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from nst_rt import Stylizer
from nst_rt.video.animations import AnimationSource
from tests.nst_rt.commands.conftest import finish, start

SIZE = ("--size", "32x24")


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 24, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def painted(frames, model_path) -> np.ndarray:
    with Stylizer(model_path, threads=1) as stylizer:
        return stylizer(frames)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_raw_pixels_in_and_out_are_painted(frames, painted, order, style) -> None:
    pixel_format = "bgr24" if order.step else "rgb24"
    process = start(
        "video", "-", "-", *SIZE, "--pixel-format", pixel_format, *style, stdin=subprocess.PIPE
    )
    out, err = process.communicate(frames[..., order].tobytes(), timeout=60)
    assert process.returncode == 0, err
    got = np.frombuffer(out, np.uint8).reshape(frames.shape)[..., order]
    assert np.abs(got.astype(int) - painted).max() <= 1


def test_y4m_goes_out_where_an_animation_goes_in(frames, painted, folder, style) -> None:
    first, *rest = map(Image.fromarray, frames)
    first.save("in.apng", "PNG", save_all=True, append_images=rest, duration=[40, 40, 40, 40])
    ended = finish(start("video", "in.apng", "-", *style))
    assert ended.code == 0, ended.err
    with av.open(io.BytesIO(ended.out), format="yuv4mpegpipe") as container:
        assert container.streams.video[0].average_rate == 25
        assert sum(1 for _ in container.decode(video=0)) == len(frames)


def test_animation_stays_one_and_becomes_a_folder_and_a_video(frames, folder, nst, style) -> None:
    first, *rest = map(Image.fromarray, frames)
    delays = [100, 30, 250, 1000]
    first.save("in.gif", save_all=True, append_images=rest, duration=delays, loop=2)
    for command in (
        ("in.gif", "out.webp"), ("out.webp", "frames/%03d.png"), ("frames", "out.y4m"),
        ("out.y4m", "out.gif"), ("in.gif", "out.mkv"),
    ):  # fmt: skip
        ended = nst("video", *command, *style)
        assert ended.code == 0, ended.err
    source = AnimationSource(Path("out.webp"))
    assert [1000 * frame.duration for frame in source] == delays
    assert source.plays == 3
    assert sorted(path.name for path in Path("frames").iterdir()) == [
        f"00{number}.png" for number in range(1, 5)
    ]
    assert {frame.duration for frame in AnimationSource(Path("out.gif"))} == {Fraction(1, 25)}
    with av.open("out.mkv") as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert times == pytest.approx([0, 0.1, 0.13, 0.38], abs=0.001)


def test_reader_that_leaves_ends_it_without_a_word(frames, style) -> None:
    process = start("video", "-", "-", *SIZE, "--quiet", *style, stdin=subprocess.PIPE, bufsize=0)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(frames.tobytes())
    assert process.stdout.read(100)
    process.stdout.close()
    try:
        while True:
            process.stdin.write(frames.tobytes())
    except BrokenPipeError:
        pass
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    for pipe in (process.stdin, process.stderr):
        pipe.close()


def test_waiting_for_a_silent_pipe_ends_at_a_signal(frames, style) -> None:
    process = start("video", "-", "-", *SIZE, *style, stdin=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    process.stdin.write(frames.tobytes())
    process.stdin.flush()
    assert len(process.stdout.read(frames.nbytes)) == frames.nbytes
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    process.communicate()


def test_reader_that_does_not_read_ends_at_a_signal(frames, style) -> None:
    outlet, inlet = os.pipe()
    source, feeding = os.pipe()
    process = start("video", "-", "-", *SIZE, *style, stdin=source, stdout=inlet)
    for end in (inlet, source):
        os.close(end)
    try:
        while True:  # until nothing moves any more: the pipe out is full, and so is the pipe in
            os.set_blocking(feeding, False)
            if not writable(feeding, 3):
                break
            os.write(feeding, frames.tobytes()[:4096])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    finally:
        process.kill()
        process.communicate()
        for end in (outlet, feeding):
            os.close(end)


def writable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([], [descriptor], [], seconds)[1])


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        ("1/1000000", "rate is 1/1000000; choose it from 1/10000 to 1000 frames per second"),
        ("1e9", "rate is 1000000000; choose it from"),
        ("fast", "'fast' is not a rate; write 25 or 30000/1001"),
    ],
)
def test_rate_that_no_video_has_is_exit_2(frames, folder, nst, style, rate, says) -> None:
    Path("in").mkdir()
    Image.fromarray(frames[0]).save("in/1.png")
    ended = nst("video", "in", "out.mp4", "--rate", rate, *style)
    assert (ended.code, len(ended.lines)) == (2, 1)
    assert says in ended.err
    assert [path.name for path in folder.iterdir()] == ["in"]


def test_what_is_no_video_is_one_line(folder, style) -> None:
    for given, arguments, code, line in (
        (b"garbage" * 300, ("-", "out.mp4"), 3, "standard input: does not begin with YUV4MPEG2"),
        (b"", ("-", "out.gif", *SIZE), 3, "standard input: has no frame"),
        (b"x" * 9, ("-", "out.gif", "--pixel-format", "rgb24"), 2, "do not contain their size"),
    ):
        process = start("video", *arguments, *style, stdin=subprocess.PIPE)
        out, err = process.communicate(given, timeout=60)
        assert process.returncode == code
        assert (out, len(err.splitlines())) == (b"", 1)
        assert line in err.decode()
    assert list(folder.iterdir()) == []

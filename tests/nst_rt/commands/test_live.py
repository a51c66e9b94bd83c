"""`nst-rt live`: what it shows and records, what it reports, and how it ends."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.display import Display, display
from tests.streaming import served

from .conftest import finish, records, start

RED = (200, 30, 40)
TITLE = "nst-rt live"


@pytest.fixture
def clip(folder: Path) -> Path:
    """A second of red, 20 frames of 96×64, lossless."""
    with av.open("clip.mkv", "w") as container:
        stream = container.add_stream("ffv1", rate=20)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), RED, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return folder / "clip.mkv"


@pytest.fixture
def begin() -> Iterator[Callable[..., subprocess.Popen]]:
    """Start `nst-rt live` as a process, which does not outlive the test."""
    processes = []

    def run(*arguments, **options) -> subprocess.Popen:
        processes.append(start("live", *arguments, **options))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def wait_for_frames(process: subprocess.Popen) -> None:
    """Wait until a second has passed in which frames were shown."""
    while json.loads(process.stdout.readline())["fps"] == 0:
        pass


def begin_in_sight(begin, screen: Display, *arguments) -> subprocess.Popen:
    """Start until something is seen: a Qt that is held up as it starts may never draw."""
    for _ in range(5):
        environment = {"DISPLAY": screen.name, "WAYLAND_DISPLAY": ""}
        process = begin(*arguments, "--loop", "--json", env=environment)
        wait_for_frames(process)
        if screen.is_lit():
            return process
        process.kill()
        process.wait()
    raise AssertionError("nothing is to be seen")


def frames(path: Path | str) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_video_is_painted_into_a_file(nst, clip, style) -> None:
    ended = nst("live", clip, "--output", "out/wall.mp4", "--json", *style)
    assert (ended.code, ended.err) == (0, "")
    *seconds, totals = records(ended.out)
    assert totals["frames"] == frames("out/wall.mp4") >= 2  # as many as the machine is up to
    assert totals["frames"] + totals["dropped"] == 20
    for second in seconds:
        assert second["style"] == "thin"
        assert (second["working_width"], second["working_height"]) == (96, 64)
        assert second["latency_ms"] > 0


def test_style_is_a_file_whatever_its_name_holds(nst, clip, model_path) -> None:
    shutil.copy(model_path, "a,b.onnx")
    ended = nst("live", clip, "-o", "wall.mkv", "--style", "a,b.onnx", "--threads", "1")
    assert (ended.code, frames("wall.mkv") > 0) == (0, True)


def test_limits(nst, clip, style) -> None:
    ended = nst("live", clip, "--loop", "--frames", "30", "-o", "a.mkv", "--json", *style)
    assert ended.code == 0
    assert records(ended.out)[-1]["frames"] == frames("a.mkv") == 30
    ended = nst("live", clip, "--loop", "--seconds", "0.5", "-o", "b.mkv", "--json", *style)
    assert 0.5 <= records(ended.out)[-1]["seconds"] < 5


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["none.mp4", "-o", "x.mp4"], 3, "none.mp4: cannot be read"),
        (["http://127.0.0.1:9/x", "-o", "x.mp4"], 3, "pass allow_network=True (--allow-network)"),
        (["97", "-o", "x.mp4"], 3, "camera 97: cannot be opened"),
        (["clip.mkv", "-o", "x.avi"], 2, "choose .mp4"),
        (["clip.mkv", "-o", "clip.mkv", "--overwrite"], 2, "is the source itself"),
        (["clip.mkv", "-o", "rtmp://127.0.0.1/x"], 3, "(--allow-network)"),
        (["0", "-o", "x.mp4", "--loop"], 2, "leave loop (--loop) out"),
        (["clip.mkv", "-o", "x.mp4", "--camera-size", "big"], 2, "write it like 1280x720"),
        (["clip.mkv", "-o", "x.mp4", "--style", "starry-night,nonesuch"], 4, "nonesuch"),
        (["clip.mkv"], 5, "or use another sink (--output FILE, --output virtual-camera)"),
    ],
)
def test_what_does_not_work_is_one_line(
    nst, clip, style, monkeypatch, arguments, code, line
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    options = () if "--style" in arguments else style
    ended = nst("live", *arguments, *options)
    assert ended.code == code
    assert len(ended.lines) == 1
    assert line in ended.err
    assert not Path("x.mp4").exists()


def test_existing_recording_is_kept(nst, clip, style) -> None:
    Path("there.mp4").write_bytes(b"mine")
    ended = nst("live", clip, "-o", "there.mp4", *style)
    line = "nst-rt: there.mp4: exists already; pass overwrite=True (--overwrite)"
    assert (ended.code, ended.lines) == (2, [line])
    assert Path("there.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_and_the_recording_is_whole(begin, clip, style, number) -> None:
    process = begin(clip, "--loop", "-o", "wall.mp4", "--json", *style)
    wait_for_frames(process)
    process.send_signal(number)
    ended = finish(process)
    assert ended.code == 128 + number
    assert ended.lines == [f"nst-rt: stopped by {number.name}"]
    assert frames("wall.mp4") > 5


def test_window_shows_the_picture_and_obeys_its_keys(begin, clip, style) -> None:
    with display() as screen:
        process = begin_in_sight(begin, screen, clip, "--strength", "0", *style)
        picture = screen.picture()
        lit = np.argwhere(picture.any(2))
        assert tuple(lit.max(0) + 1) == (64, 96)
        assert np.abs(picture[40:64, :96].astype(int) - RED).max() <= 3
        assert (picture[:20, :96] == 255).all(2).any()  # letters
        screen.press(TITLE, "s")
        assert process.stderr.readline().startswith(b"nst-rt: saved live-thin-")
        screen.press(TITLE, "equal")
        assert process.stderr.readline() == b"nst-rt: strength 0.1\n"
        screen.press(TITLE, "q")
        ended = finish(process)
    assert (ended.code, ended.err) == (0, "")
    [saved] = Path().glob("live-thin-*.png")
    assert np.abs(np.asarray(Image.open(saved)).astype(int) - RED).max() <= 3
    assert records(ended.out)[-1]["frames"] > 5


@pytest.mark.parametrize("way", ["Escape", "button"])
def test_window_that_is_closed_ends_it(begin, clip, style, way) -> None:
    with display() as screen:
        process = begin_in_sight(begin, screen, clip, *style)
        if way == "button":
            screen.close(TITLE)
        else:
            screen.press(TITLE, way)
        assert finish(process).code == 0


def test_stream_that_dies_is_found_again_and_given_up_at_last(nst, folder, style) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), RED, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    answer = ("video/mp2t", file.getvalue())
    with served(answer, answer) as address:
        ended = nst("live", address, "--allow-network", "-o", "wall.mkv", "--give-up", "3", *style)
    assert ended.code == 3
    assert ended.lines[-2].startswith(f"nst-rt: {address}: no frame for 2 s (")
    assert ended.lines[-2].endswith("; trying again, the last frame stays")
    assert ended.lines[-1].startswith(f"nst-rt: {address}: no frame for 3 s (")
    assert ended.lines[-1].endswith("): given up")
    with av.open("wall.mkv") as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert max(after - before for before, after in pairwise(times)) > 0.9  # and on it went


def test_idle_stream_leaves_the_processor_alone(begin, folder, style) -> None:
    """Less than a tenth of a core while the one frame of a film stays (D09)."""
    with av.open("still.mkv", "w") as container:
        stream = container.add_stream("ffv1", rate=1)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for pts in (0, 1, 600):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), RED, np.uint8), "rgb24")
            frame.pts = pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    process = begin("still.mkv", "-o", "wall.mkv", "--json", *style)
    wait_for_frames(process)
    for _ in range(2):  # until the still frame is out
        process.stdout.readline()
    before, begun = used(process.pid), time.monotonic()
    for _ in range(2):
        process.stdout.readline()
    share = (used(process.pid) - before) / (time.monotonic() - begun)
    process.terminate()
    finish(process)
    assert share < 0.1


def used(process_id: int) -> float:
    """Return the seconds of processor time of a process."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

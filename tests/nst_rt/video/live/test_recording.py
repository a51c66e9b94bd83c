"""Recordings: each frame at its moment, colours as they are, and nothing lost by a kill."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

from nst_rt.errors import OutputError, UnsafeError, UsageError
from nst_rt.video.live import PaintedFrame, State
from nst_rt.video.live.recording import Recording

STATE = State()
RED = (200, 30, 40)


def shown(at: float, size: tuple[int, int] = (48, 64), color=RED) -> PaintedFrame:
    return PaintedFrame(np.full((*size, 3), color, np.uint8), at, size)


def decoded(source) -> list[tuple[float, np.ndarray]]:
    with av.open(source) as container:
        return [
            (frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts"])
def test_every_frame_is_at_the_moment_at_which_it_came(tmp_path, suffix) -> None:
    path = tmp_path / "new" / f"wall{suffix}"
    recording = Recording(str(path), 30)
    moments = [500.0, 500.04, 500.1, 502.5, 502.55]
    for moment in moments:
        recording.show(shown(moment), STATE)
        recording.hold(STATE, moment + 0.01)
    recording.close()
    times = [time for time, _ in decoded(path)]
    assert [time - times[0] for time in times] == pytest.approx([0, 0.04, 0.1, 2.5, 2.55], abs=2e-3)


def test_what_comes_after_a_loss_goes_into_another_file_if_asked(tmp_path) -> None:
    (tmp_path / "wall-2.mkv").write_bytes(b"mine")
    recording = Recording(str(tmp_path / "wall.mkv"), 30, split=True)
    for moment in (0, 0.1, 5, 5.1, 5.2, 60):
        recording.show(shown(moment), STATE)
        recording.hold(STATE, moment + 3)
    recording.close()
    assert (tmp_path / "wall-2.mkv").read_bytes() == b"mine"
    (tmp_path / "wall-2.mkv").unlink()
    counts = {path.name: len(decoded(path)) for path in sorted(tmp_path.iterdir())}
    assert counts == {"wall-3.mkv": 3, "wall-4.mkv": 1, "wall.mkv": 2}
    assert decoded(tmp_path / "wall-3.mkv")[-1][0] == pytest.approx(0.2, abs=2e-3)


def test_colours_are_tagged_and_are_what_the_tags_say(tmp_path) -> None:
    path = tmp_path / "red.mp4"
    recording = Recording(str(path), 30)
    for number in range(5):
        recording.show(shown(number / 30), STATE)
    recording.close()
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        tags = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
        assert tags == (1, 1, 1, 1)
        frame = next(container.decode(video=0))
        rgb = frame.to_ndarray(format="rgb24", src_colorspace="ITU709")
    assert np.abs(rgb[24, 32].astype(int) - RED).max() <= 3


def test_frames_of_another_size_get_bars_and_odd_sizes_are_made_even(tmp_path) -> None:
    path = tmp_path / "odd.mkv"
    recording = Recording(str(path), 30)
    recording.show(shown(0, (49, 65)), STATE)
    recording.show(shown(0.1, (48, 48)), STATE)
    recording.close()
    (_, first), (_, second) = decoded(path)
    assert first.shape == second.shape == (48, 64, 3)
    assert second[24, 2].max() < 20
    assert second[24, 32, 0] > 150


def test_files_that_exist_are_kept(tmp_path) -> None:
    path = tmp_path / "there.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"exists already; pass overwrite=True \(--overwrite\)"):
        Recording(str(path), 30)
    recording = Recording(str(path), 30, overwrite=True)
    assert path.read_bytes() == b"mine"  # until there is a frame
    recording.show(shown(0), STATE)
    recording.close()
    assert len(decoded(path)) == 1


def test_what_is_no_recording_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"choose \.mp4"):
        Recording(str(tmp_path / "wall.avi"), 30)
    with pytest.raises(UsageError, match="choose rtmp://"):
        Recording("http://127.0.0.1/x", 30, allow_network=True)
    with pytest.raises(UnsafeError, match="--allow-network"):
        Recording("rtmp://127.0.0.1/x", 30)
    (tmp_path / "file").touch()
    recording = Recording(str(tmp_path / "file" / "x.mp4"), 30)
    with pytest.raises(OutputError, match="cannot be written"):
        recording.show(shown(0), STATE)
    recording.close()


def test_full_disk_is_an_output_error(tmp_path) -> None:
    path = tmp_path / "full.mkv"
    path.symlink_to("/dev/full")
    recording = Recording(str(path), 30, overwrite=True)
    noise = np.random.default_rng(0).integers(0, 256, (10, 48, 64, 3), np.uint8)

    def fill() -> None:
        for number in range(300):
            recording.show(PaintedFrame(noise[number % 10], number / 30, (48, 64)), STATE)

    with pytest.raises(OutputError, match="No space left"):
        fill()
    with pytest.raises(OutputError, match="No space left"):
        recording.close()
    recording.close()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_kill_keeps_what_was_recorded(tmp_path, suffix) -> None:
    path = tmp_path / f"killed{suffix}"
    script = """
import os, signal, sys
import numpy as np
from nst_rt.video.live import PaintedFrame, State
from nst_rt.video.live.recording import Recording
recording = Recording(sys.argv[1], 30)
for number in range(300):
    rgb = np.full((48, 64, 3), number % 256, np.uint8)
    recording.show(PaintedFrame(rgb, number / 30, (48, 64)), State())
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script, path], check=False, timeout=60)
    frames = []
    # the fragment that was being written may be damaged
    with av.open(str(path)) as container, suppress(av.error.InvalidDataError):
        frames.extend(frame.time for frame in container.decode(video=0))
    assert len(frames) >= 270  # all but the last second


SERVER = """
import sys
import av
times = []
try:
    with av.open(sys.argv[1], options={"listen": "1"}, timeout=30) as container:
        times.extend(frame.time for frame in container.decode(video=0))
except OSError:
    pass  # how RTMP ends
print(*times)
"""
"""In a process of its own: PyAV connects with Python's lock held, and the server needs it too."""


def test_rtmp_server_gets_the_frames_and_the_last_one_again() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"rtmp://127.0.0.1:{port}/live/wall"
    command = [sys.executable, "-c", SERVER, address]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not listens(port):
        assert server.poll() is None
    recording = Recording(address, 10, allow_network=True)
    for number in range(20):
        recording.show(shown(number / 10), STATE)
    for number in range(20, 30):
        recording.hold(STATE, number / 10)
    recording.close()
    times = [float(time) for time in server.communicate(timeout=30)[0].split()]
    assert len(times) == 30
    assert times[-1] - times[0] == pytest.approx(2.9, abs=0.01)


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine; Linux's own list tells without asking."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(
        line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines
    )


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"rtmp://127.0.0.1:{probe.getsockname()[1]}/live"
        recording = Recording(address, 10, allow_network=True)
        with pytest.raises(OutputError, match=r"cannot be written .*refused"):
            recording.show(shown(0), STATE)

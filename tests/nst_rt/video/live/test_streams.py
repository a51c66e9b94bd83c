"""Streams over the loopback that die and come back, and files at their own pace."""

from __future__ import annotations

import io
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from nst_rt.errors import InputError, UnsafeError
from nst_rt.video.live.capture import Capture
from nst_rt.video.live.pacing import Clock
from nst_rt.video.live.streams import PlayedFile, Stream
from tests.streaming import served

from .conftest import FakeClock


def encoded(form: str, count: int, *, codec: str = "mpeg4", times=None, rotation=0) -> bytes:
    """A video whose n-th frame is of grey 8·n, at n/10 s unless `times` says otherwise."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = 1
        stream.codec_context.time_base = Fraction(1, 10)
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * number, np.uint8), "rgb24")
            if rotation:
                frame = av.VideoFrame.from_ndarray(_halves(), "rgb24")
            frame.pts, frame.time_base = (times or range(count))[number], Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _halves() -> np.ndarray:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24] = 255
    return pixels


def mpjpeg(count: int) -> bytes:
    """What network cameras send: one JPEG after the other in parts of one answer."""
    jpeg = encoded("image2pipe", 1, codec="mjpeg")
    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
    return count * (head + jpeg + b"\r\n")


def read_all(source) -> list[np.ndarray]:
    """Read to the end or the loss."""
    shots = []
    while True:
        try:
            shot = source.read()
        except InputError:
            return shots
        if shot is None:
            return shots
        shots.append(shot)


class Skipping(Clock):
    """The real clock, with waits that are over at once: retries take no time."""

    def wait_for(self, condition, predicate, timeout=None) -> bool:
        return condition.wait_for(predicate, timeout and min(timeout, 0.01))


def test_stream_is_behind_a_flag() -> None:
    with pytest.raises(UnsafeError, match="--allow-network"):
        Stream("http://127.0.0.1:9/x", allow_network=False).open()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("video/mp2t", encoded("mpegts", 20, codec="mpeg2video")),
        ("multipart/x-mixed-replace;boundary=frame", mpjpeg(20)),
    ],
)
def test_frames_of_a_stream_come_as_they_are_sent(kind, data) -> None:
    with served((kind, data)) as address:
        source = Stream(address, allow_network=True)
        source.open()
        shots = read_all(source)
        source.close()
    assert len(shots) >= 18
    assert all(time is None for _, time in shots)
    assert shots[0][0].shape == (48, 64, 3)


def test_stream_that_ends_is_lost_and_a_film_is_over() -> None:
    film = encoded("mp4", 5)
    with served(("video/mp4", film), ("video/mp2t", encoded("mpegts", 5))) as address:
        source = Stream(address, allow_network=True)
        source.open()
        times = [time for _, time in read_all(source)]
        assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert source.read() is None
        source.close()
        source.open()
        read_all(source)
        with pytest.raises(InputError, match="the stream ended"):
            source.read()
        source.close()


def test_stream_that_dies_is_found_again() -> None:
    first, second = encoded("mpegts", 10), encoded("mpegts", 15)
    with served(("video/mp2t", first), ("video/mp2t", second)) as address:
        capture = Capture(Stream(address, allow_network=True), Skipping(), [].append)
        capture.start()
        patience = time.monotonic() + 20
        while capture.count < 20 and time.monotonic() < patience:
            capture.frames.take(0.05)
        assert capture.count >= 20  # more than either stream has
        capture.close()


def test_nobody_answers() -> None:
    with served() as address, pytest.raises(InputError, match="cannot be opened"):
        Stream(address, allow_network=True).open()


def test_sound_alone_is_no_stream(tmp_path) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("mp2", rate=44100)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.int16), "s16", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    stream = ("video/mp2t", file.getvalue())
    with served(stream) as address, pytest.raises(InputError, match="has no video"):
        Stream(address, allow_network=True).open()


def played(clock: FakeClock, source: PlayedFile, count: int) -> list[float]:
    """The moments at which frames come, from the first on."""
    capture = Capture(source, clock, [].append)
    capture.start()
    moments = []
    while len(moments) < count:
        captured = capture.frames.take(5)
        assert captured
        moments.append(captured.at)
    capture.close()
    return [round(moment - moments[0], 3) for moment in moments]


def test_file_plays_at_its_own_pace_and_again(clock, tmp_path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(encoded("mp4", 4, times=[0, 1, 2, 5]))
    moments = played(clock, PlayedFile(path, loop=True), 6)
    assert moments[:4] == [0, 0.1, 0.2, 0.5]
    assert moments[5] - moments[4] == pytest.approx(0.1)
    assert moments[4] > 0.5


def test_file_that_is_paused_goes_on_where_it_was(clock, tmp_path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(encoded("mp4", 6))
    capture = Capture(PlayedFile(path), clock, [].append)
    capture.start()
    first = capture.frames.take(5)
    capture.pause(True)
    clock.sleep(10)
    capture.watch()  # a pause is no loss
    capture.pause(False)
    moments = [capture.frames.take(5).at - first.at for _ in range(5)]
    assert moments == pytest.approx([10.1, 10.2, 10.3, 10.4, 10.5], abs=0.11)
    capture.close()


def test_file_is_shown_upright(clock, tmp_path) -> None:
    path = tmp_path / "turned.mp4"
    path.write_bytes(encoded("mp4", 2, rotation=90))
    source = PlayedFile(path)
    source.open()
    rgb, _ = source.read()
    source.close()
    assert rgb.shape == (64, 48, 3)
    assert abs(int(rgb[32, 4, 0]) - int(rgb[32, 44, 0])) > 200  # what was above is at a side


def test_absent_file_is_an_input_error(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        PlayedFile(tmp_path / "none.mp4").open()

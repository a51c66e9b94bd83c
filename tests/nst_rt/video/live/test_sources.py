"""What the word after `nst-rt live` means."""

from __future__ import annotations

import pytest

from nst_rt.errors import UsageError
from nst_rt.video.live import SourceOptions, live_source
from nst_rt.video.live.cameras import Camera
from nst_rt.video.live.screen import Screen
from nst_rt.video.live.streams import PlayedFile, Stream


@pytest.mark.parametrize(
    ("word", "kind", "name"),
    [
        ("0", Camera, "camera 0"),
        ("/dev/video2", Camera, "/dev/video2"),
        ("screen", Screen, "screen"),
        ("screen:2", Screen, "screen 2"),
        ("rtsp://camera.local/1", Stream, "rtsp://camera.local/1"),
        ("http://127.0.0.1/x", Stream, "http://127.0.0.1/x"),
        ("clip.mp4", PlayedFile, "clip.mp4"),
        ("./screen", PlayedFile, "screen"),
        ("screen:x", PlayedFile, "screen:x"),
        ("concat:a|b", PlayedFile, "concat:a|b"),
    ],
)
def test_kinds(clock, word, kind, name) -> None:
    source = live_source(word, SourceOptions(), clock)
    assert type(source) is kind
    assert source.name == name


def test_options_of_other_kinds_are_refused(clock) -> None:
    with pytest.raises(UsageError, match=r"only a file can be repeated; leave loop \(--loop\) out"):
        live_source("0", SourceOptions(loop=True), clock)
    with pytest.raises(UsageError, match="a source that is not a camera"):
        live_source("screen", SourceOptions(camera_size=(720, 1280)), clock)

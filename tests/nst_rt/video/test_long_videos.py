"""However long a video is, no more of it is held than the stages have in hand."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import numpy as np

from nst_rt.video.converting import convert
from nst_rt.video.frames import Frame

from .clips import make_clip
from .inverting import Inverting

FRAME_BYTES = 320 * 180 * 3


def held() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def plain(index: int, height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), index % 251, np.uint8)


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", range(0, 16_000, 40), size=(320, 180), picture=plain)
    seen = {}

    def progress(done: int, total: int | None) -> None:
        if done in (100, 400):
            seen[done] = held()

    convert(clip, tmp_path / "painted.mp4", Inverting(), progress=progress, part_seconds=2)
    assert seen[400] - seen[100] < 80 * FRAME_BYTES  # of 300 frames in between


class Gated(Inverting):
    """Lets a frame pass when the one that consumes them has taken the one before."""

    def __init__(self) -> None:
        super().__init__(workers=2)
        self.begun, self.taken, self.lead = 0, 0, 0
        self.lock = threading.Lock()

    def paint(self, frame: Frame) -> Frame:
        with self.lock:
            self.begun += 1
            self.lead = max(self.lead, self.begun - self.taken)
        return super().paint(frame)

    def take(self, done: int, total: int | None) -> None:
        self.taken = done


def test_painting_is_never_far_ahead_of_the_encoder_and_nothing_is_dropped(
    tmp_path: Path,
) -> None:
    clip, painter = make_clip(tmp_path / "clip.mp4", range(0, 12_000, 40)), Gated()
    done = convert(clip, tmp_path / "painted.mp4", painter, progress=painter.take)
    assert done.frames == painter.begun == 300
    assert painter.lead <= 16  # the queues' room and what is in work, not the video

"""The clips of the benchmarks are what they are said to be."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import numpy as np

from benchmarks.clips import glide_over, make_clip
from benchmarks.video_memory import wandering_grey
from benchmarks.video_resume import moving_noise


def test_clip_holds_all_pictures_at_its_rate(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", wandering_grey(7), rate=25, preset="ultrafast")
    with av.open(str(clip)) as container:
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == [index / 25 for index in range(7)]
    assert (frames[0].width, frames[0].height) == (64, 48)


def test_every_frame_is_another_one_and_photos_change_after_two_seconds(photos: Path) -> None:
    noise = list(islice(moving_noise(), 40))
    assert len({picture.tobytes() for picture in noise}) == 40
    files = sorted(photos.iterdir())[:2]
    first, *_, last, cut = glide_over(files, frames=3, rate=1, height=48, width=64)
    assert first.shape == cut.shape == (48, 64, 3)
    assert np.abs(last.astype(int) - first).mean() < np.abs(cut.astype(int) - last).mean()

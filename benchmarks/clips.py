"""Clips that are the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np

from benchmarks.photos import fit
from nst_rt.pixels import Pixels


def make_clip(path: Path, pictures: Iterable[Pixels], *, rate: int, **options: str) -> Path:
    """Write pictures of one size, uint8 H×W×3, as H.264 with `rate` frames a second.

    Args:
        path: ends in .mp4.
        pictures: the frames.
        rate: frames a second.
        options: x264's, such as preset.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.codec_context.time_base = Fraction(1, rate)
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(pictures):
            if index == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def glide_over(
    photos: list[Path], *, frames: int, rate: int, height: int = 720, width: int = 1280
) -> Iterator[Pixels]:
    """Yield what a camera sees that glides over photos, another one every two seconds."""
    margin = 128
    for index in range(frames):
        photo, step = divmod(index, 2 * rate)
        wide = _wide(photos[photo % len(photos)], height + margin, width + margin)
        top, left = step % margin, (2 * step) % margin
        yield np.ascontiguousarray(wide[top : top + height, left : left + width])


_wide = lru_cache(maxsize=None)(fit)

"""A clip that is the same everywhere: a camera that glides over photos, with a cut now and then."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.photos import fit


def make_clip(
    path: Path,
    photos: list[Path],
    *,
    frames: int,
    height: int = 720,
    width: int = 1280,
    rate: int = 30,
) -> Path:
    """Write H.264 (x264 veryfast, CRF 20) of `frames` frames; every two seconds another photo."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=rate, options={"preset": "veryfast", "crf": "20"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        for index in range(frames):
            photo, step = divmod(index, 2 * rate)
            picture = _view(photos[photo % len(photos)], step, height, width)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _view(photo: Path, step: int, height: int, width: int) -> NDArray[np.uint8]:
    margin = 128
    wide = _wide(photo, height + margin, width + margin)
    top, left = step % margin, (2 * step) % margin
    return np.ascontiguousarray(wide[top : top + height, left : left + width])


_kept: dict[tuple[Path, int, int], NDArray[np.uint8]] = {}


def _wide(photo: Path, height: int, width: int) -> NDArray[np.uint8]:
    key = (photo, height, width)
    if key not in _kept:
        _kept[key] = fit(photo, height, width)
    return _kept[key]

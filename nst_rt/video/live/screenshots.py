"""Saving a painted frame as a picture file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from nst_rt.images import Picture, write_picture
from nst_rt.video.live.framing import fitted
from nst_rt.video.live.sinks import PaintedFrame


def save_screenshot(frame: PaintedFrame, style: str) -> Path:
    """Save a frame in the current folder, at the size at which it is shown.

    Returns:
        The new file.

    Raises:
        OutputError: it cannot be written.
    """
    moment = datetime.now().strftime("%Y-%m-%d-%H.%M.%S")
    stem = f"live-{style}-{moment}"
    path, count = Path(f"{stem}.png"), 1
    while path.exists():
        count += 1
        path = Path(f"{stem}-{count}.png")
    write_picture(Picture(fitted(frame.rgb, *frame.size)), path)
    return path

"""What the word after `nst-rt live` means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nst_rt.errors import UsageError
from nst_rt.video.containers import is_address
from nst_rt.video.live.cameras import Camera
from nst_rt.video.live.capture import LiveSource
from nst_rt.video.live.pacing import Clock
from nst_rt.video.live.screen import Screen
from nst_rt.video.live.streams import PlayedFile, Stream

_SCREEN = re.compile(r"screen(?::(\d+))?")


@dataclass(frozen=True)
class SourceOptions:
    """What may be said of a source; each is for some kinds alone.

    Attributes:
        allow_network: addresses may be opened.
        loop: a file begins again after its end.
        camera_size: height and width to ask a camera for.
        fps: frames a second to ask a camera for, or to take of a screen.
    """

    allow_network: bool = False
    loop: bool = False
    camera_size: tuple[int, int] | None = None
    fps: float | None = None


def live_source(name: str, options: SourceOptions, clock: Clock) -> LiveSource:
    """A camera by number or device, `screen`, `screen:N`, an address, or a file; not yet open.

    Raises:
        UsageError: an option is of another kind of source.
    """
    is_camera = name.isdecimal() or name.startswith("/dev/video")
    if options.camera_size and not is_camera:
        raise UsageError("--camera-size is for cameras alone", cure="leave it out")
    screen = _SCREEN.fullmatch(name)
    is_file = not (is_camera or screen or is_address(name))
    if options.loop and not is_file:
        raise UsageError("--loop is for files alone", cure="leave it out")
    if is_camera:
        device = int(name) if name.isdecimal() else name
        return Camera(device, size=options.camera_size, fps=options.fps)
    if screen:
        return Screen(int(screen[1] or 0), clock, options.fps)
    if is_file:
        return PlayedFile(Path(name), loop=options.loop)
    return Stream(name, allow_network=options.allow_network)

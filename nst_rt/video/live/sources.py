"""Choosing a live source by its name."""

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
    """Options of a source; each applies to some kinds only.

    Attributes:
        allow_network: whether addresses may be opened.
        loop: whether a file restarts after its end.
        camera_size: height and width to request from a camera.
        fps: frames per second to request from a camera, or to capture from a screen.
    """

    allow_network: bool = False
    loop: bool = False
    camera_size: tuple[int, int] | None = None
    fps: float | None = None


def live_source(name: str, options: SourceOptions, clock: Clock) -> LiveSource:
    """Return the source of a name, not yet open.

    Args:
        name: number or device of a camera, `screen`, `screen:N`, an address, or a file.
        options: of the source.
        clock: paces the pictures of a screen.

    Raises:
        UsageError: an option does not apply to this kind of source.
    """
    is_camera = name.isdecimal() or name.startswith("/dev/video")
    if options.camera_size and not is_camera:
        raise UsageError(
            "a size is requested from a source that is not a camera",
            cure="leave camera_size (--camera-size) out",
        )
    screen = _SCREEN.fullmatch(name)
    is_file = not (is_camera or screen or is_address(name))
    if options.loop and not is_file:
        raise UsageError("only a file can be repeated", cure="leave loop (--loop) out")
    if is_camera:
        device = int(name) if name.isdecimal() else name
        return Camera(device, size=options.camera_size, fps=options.fps)
    if screen:
        return Screen(int(screen[1] or 0), clock, options.fps)
    if is_file:
        return PlayedFile(Path(name), loop=options.loop)
    return Stream(name, allow_network=options.allow_network)

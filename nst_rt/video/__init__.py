"""Video: files, streams and cameras in, painted video out.

Public names load on first use, since they need PyAV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_rt.video.converting import Converted, convert
    from nst_rt.video.encoding import Encoding
    from nst_rt.video.frames import Frame, FrameSink, FrameSource
    from nst_rt.video.opening import open_sink, open_source
    from nst_rt.video.painters import (
        FramePainter,
        SideBySidePainter,
        SteadyStylePainter,
        StylePainter,
        TimelinePainter,
    )
    from nst_rt.video.passing import pass_through
    from nst_rt.video.selection import Selection

_HOMES = {
    "Converted": "converting",
    "convert": "converting",
    "Encoding": "encoding",
    "Frame": "frames",
    "FrameSink": "frames",
    "FrameSource": "frames",
    "open_sink": "opening",
    "open_source": "opening",
    "FramePainter": "painters",
    "SideBySidePainter": "painters",
    "SteadyStylePainter": "painters",
    "StylePainter": "painters",
    "TimelinePainter": "painters",
    "pass_through": "passing",
    "Selection": "selection",
}

__all__ = [
    "Converted",
    "Encoding",
    "Frame",
    "FramePainter",
    "FrameSink",
    "FrameSource",
    "Selection",
    "SideBySidePainter",
    "SteadyStylePainter",
    "StylePainter",
    "TimelinePainter",
    "convert",
    "open_sink",
    "open_source",
    "pass_through",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"nst_rt.video.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

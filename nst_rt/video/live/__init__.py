"""Live video: cameras, network streams and screens, painted as frames arrive."""

from nst_rt.video.live.live import Live, LiveOptions
from nst_rt.video.live.meter import Second
from nst_rt.video.live.pacing import Clock
from nst_rt.video.live.recording import Recording
from nst_rt.video.live.sinks import LiveSink, PaintedFrame, State
from nst_rt.video.live.sources import SourceOptions, live_source
from nst_rt.video.live.styles import StyleChanger
from nst_rt.video.live.threaded_sink import ThreadedSink
from nst_rt.video.live.virtual_camera import VirtualCamera
from nst_rt.video.live.window import Window

__all__ = [
    "Clock",
    "Live",
    "LiveOptions",
    "LiveSink",
    "PaintedFrame",
    "Recording",
    "Second",
    "SourceOptions",
    "State",
    "StyleChanger",
    "ThreadedSink",
    "VirtualCamera",
    "Window",
    "live_source",
]

"""Video: files, animations, pictures, pipes and live sources in, painted video out."""

from nst_rt.video.converted import Converted
from nst_rt.video.converting import convert
from nst_rt.video.encoding import Encoding
from nst_rt.video.file_conversion import convert_file
from nst_rt.video.frame_conversion import convert_frames
from nst_rt.video.frames import Frame, FrameSink, FrameSource
from nst_rt.video.opening import open_sink, open_source
from nst_rt.video.painters import FramePainter, SideBySidePainter, StylePainter
from nst_rt.video.selection import Selection
from nst_rt.video.steadiness import SteadyPainter
from nst_rt.video.timeline import TimelinePainter

__all__ = [
    "Converted",
    "Encoding",
    "Frame",
    "FramePainter",
    "FrameSink",
    "FrameSource",
    "Selection",
    "SideBySidePainter",
    "SteadyPainter",
    "StylePainter",
    "TimelinePainter",
    "convert",
    "convert_file",
    "convert_frames",
    "open_sink",
    "open_source",
]

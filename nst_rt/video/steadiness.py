"""Painting the frames of a video so that what does not change keeps its appearance.

A style network normalizes each frame with its own mean and deviation, so whatever enters the
picture changes the colours of all of it. `SteadyPainter` averages these statistics over the frames
of a scene, and never across a cut.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.painting.steady import Statistics
from nst_rt.pixels import Pixels
from nst_rt.stylizer import Stylizer
from nst_rt.system.arguments import share
from nst_rt.video.cuts import Thumbnail
from nst_rt.video.flow import FlowBlend
from nst_rt.video.frames import Frame
from nst_rt.video.painters import FramePainter, style_identity

FLASH = 5
"""Longest flash in frames; a scene that lasts longer replaces the one before it."""


@dataclass(frozen=True)
class _Scene:
    """The memory of a scene after one of its frames."""

    thumbnail: Thumbnail
    statistics: Statistics
    frame: Pixels | None = None
    """The last frame at working size; None without flow."""
    painting: Pixels | None = None
    """The painting of `frame`."""


class SteadyPainter(FramePainter):
    """Paints the frames of one video, in order, one at a time.

    Args:
        stylizer: of a style with a steady file; its size, strength and colours apply.
        smoothing: share of the statistics of earlier frames, 0…1: 0 paints every frame on its own,
            1 with the statistics of the first of its scene.
        flow: share of the previous painting, 0…1, blended in along the motion where both frames
            show the same; 0 does not need OpenCV.

    Raises:
        ModelError: the style has no steady file.
        ProviderError: the device does not paint it, or `flow` needs OpenCV, which is absent.
        UsageError: a share is out of range.
    """

    workers = 1

    def __init__(self, stylizer: Stylizer, *, smoothing: float = 0.9, flow: float = 0.0) -> None:
        self._smoothing, flow = share("smoothing", smoothing), share("flow", flow)
        stylizer.prepare_steady()
        self._stylizer = stylizer
        self._flow = FlowBlend(flow) if flow else None
        self._identity = {
            "style": style_identity(stylizer),
            "steady_sha256": stylizer.info.steady_sha256,
            "steady": self._smoothing,
            "flow": flow,
        }
        self.reset()

    def reset(self) -> None:
        """Forget all frames, as before the first."""
        self._scene: _Scene | None = None
        self._before: _Scene | None = None
        self._since = 0

    def paint(self, frame: Frame) -> Frame:
        return frame.painted(self.paint_rgb(frame.rgb))

    def paint_rgb(self, rgb: Pixels) -> Pixels:
        """Paint the pixels of the next frame, uint8 H×W×3."""
        thumbnail = Thumbnail.of(rgb)
        scene = self._scene_of(thumbnail)
        kept: list[Pixels] = []

        def adjust(frame: Pixels, painting: Pixels) -> Pixels:
            if self._flow is None:
                return painting
            if scene and scene.frame is not None and scene.painting is not None:
                painting = self._flow.blend(frame, painting, scene.frame, scene.painting)
            kept.extend((frame.copy(), painting.copy()))  # the caller may change its own
            return painting

        painted, used = self._stylizer.paint_steadily(
            rgb,
            scene.statistics if scene else None,
            keep=1.0 if thumbnail.is_flat else self._smoothing,
            adjust=adjust,
        )
        if not thumbnail.is_flat:
            self._scene = _Scene(thumbnail, used, *kept)
        elif scene:  # a flat frame has no useful statistics: keep those of its scene
            self._scene = _Scene(scene.thumbnail, scene.statistics, *kept)
        return painted

    def state(self) -> dict[str, Any]:
        """Return the memory after the last frame, as JSON can hold it.

        It takes some kilobytes; with `flow` it includes the last frame and its painting, lossless.
        """
        return {
            "scene": _packed_scene(self._scene),
            "before": _packed_scene(self._before),
            "since": self._since,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue as after the frame at which `state` was taken, to the last bit."""
        self._scene, self._before = (_unpacked_scene(state[key]) for key in ("scene", "before"))
        self._since = state["since"]

    def identity(self) -> dict[str, Any]:
        return self._identity

    def _scene_of(self, thumbnail: Thumbnail) -> _Scene | None:
        """Return the scene that this frame continues; None if it starts a new one.

        A flash is a scene of a few frames, after which the scene before it continues.
        """
        self._since += 1
        if self._since > FLASH:
            self._before = None
        scene = self._scene
        if scene is None or thumbnail.is_flat:
            return scene
        if not thumbnail.begins_another_scene(scene.thumbnail):
            return scene
        if self._before and not thumbnail.begins_another_scene(self._before.thumbnail):
            scene, self._before = self._before, None
            return scene
        self._before, self._since = scene, 0
        return None


def _packed_scene(scene: _Scene | None) -> dict[str, Any] | None:
    if scene is None:
        return None
    return {
        "thumbnail": _packed(scene.thumbnail.luminance),
        "statistics": _packed(scene.statistics),
        "frame": _packed(scene.frame),
        "painting": _packed(scene.painting),
    }


def _unpacked_scene(packed: dict[str, Any] | None) -> _Scene | None:
    if packed is None:
        return None
    arrays = {key: _unpacked(value) for key, value in packed.items()}
    return _Scene(Thumbnail(arrays.pop("thumbnail")), **arrays)


def _packed(array: NDArray[Any] | None) -> dict[str, Any] | None:
    if array is None:
        return None
    data = zlib.compress(np.ascontiguousarray(array).tobytes(), 1)
    text = base64.b64encode(data).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "zlib": text}


def _unpacked(packed: dict[str, Any] | None) -> Any:
    if packed is None:
        return None
    data = zlib.decompress(base64.b64decode(packed["zlib"]))
    return np.frombuffer(data, packed["dtype"]).reshape(packed["shape"])

"""The frames of one video painted so that what does not change keeps its looks.

A style network takes mean and deviation of each frame anew, so whatever enters the picture changes
the colours of all of it. Here they are averaged over the frames of a scene, and never across a cut.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.arguments import share
from nst_rt.steady import Statistics
from nst_rt.stylizer import Stylizer
from nst_rt.video.cuts import Thumbnail
from nst_rt.video.flow import FlowBlend

Pixels = NDArray[np.uint8]
FLASH = 5
"""Frames after which another scene is no flash any more: what was before is forgotten."""


@dataclass(frozen=True)
class _Scene:
    """What is kept of a scene after a frame."""

    thumbnail: Thumbnail
    statistics: Statistics
    frame: Pixels | None = None
    """The frame as it was painted, at working size; None without flow."""
    painting: Pixels | None = None


class SteadyPainter:
    """Paints the frames of one video, in order, one at a time.

    Args:
        stylizer: of a style with a steady file; its size, strength and colours apply.
        smoothing: share of the statistics of earlier frames, 0…1: 0 paints every frame for itself,
            1 as the first of its scene.
        flow: share of the painting before, 0…1, blended in along the motion where both frames show
            the same; 0 does without OpenCV.

    Raises:
        ModelError: the style has no steady file.
        ProviderError: the device does not paint it, or OpenCV is wanted and absent.
        UsageError: a share out of range.
    """

    def __init__(self, stylizer: Stylizer, *, smoothing: float = 0.9, flow: float = 0.0) -> None:
        self._smoothing, flow = share("smoothing", smoothing), share("flow", flow)
        stylizer.prepare_steady()
        self._stylizer = stylizer
        self._flow = FlowBlend(flow) if flow else None
        self.reset()

    def reset(self) -> None:
        """Forget all frames, as before the first."""
        self._scene: _Scene | None = None
        self._before: _Scene | None = None
        self._since = 0

    def paint(self, rgb: Pixels) -> Pixels:
        """Paint the next frame, uint8 H×W×3."""
        thumbnail = Thumbnail.of(rgb)
        scene = self._scene_of(thumbnail)
        kept: list[Pixels] = []

        def adjust(frame: Pixels, painting: Pixels) -> Pixels:
            if self._flow is None:
                return painting
            if scene and scene.frame is not None and scene.painting is not None:
                painting = self._flow.blend(frame, painting, scene.frame, scene.painting)
            kept.extend((frame.copy(), painting.copy()))  # the caller's to change
            return painting

        painted, used = self._stylizer.paint_steadily(
            rgb,
            scene.statistics if scene else None,
            keep=1.0 if thumbnail.is_flat else self._smoothing,
            adjust=adjust,
        )
        if not thumbnail.is_flat:
            self._scene = _Scene(thumbnail, used, *kept)
        elif scene:  # what shows nothing has no statistics worth keeping: those of its scene go on
            self._scene = _Scene(scene.thumbnail, scene.statistics, *kept)
        return painted

    def state(self) -> dict[str, Any]:
        """What it knows after the last frame, as JSON can hold it.

        Some kilobytes; with `flow` also the last frame and its painting, losslessly.
        """
        return {
            "scene": _packed_scene(self._scene),
            "before": _packed_scene(self._before),
            "since": self._since,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as after the frame that `state` was taken at, to the last bit."""
        self._scene, self._before = (_unpacked_scene(state[key]) for key in ("scene", "before"))
        self._since = state["since"]

    def _scene_of(self, thumbnail: Thumbnail) -> _Scene | None:
        """The scene that goes on with this frame; None where one begins.

        A flash is a scene of a few frames, after which the one before it goes on.
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

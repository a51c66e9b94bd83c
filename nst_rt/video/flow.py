"""Blending a painting with the previous one, moved along the optical flow.

Source: optical flow by Kroeger, Timofte, Dai, Van Gool 2016, "Fast Optical Flow using Dense Inverse
Search" (arXiv 1603.03590), as implemented in OpenCV; what is visible in both frames is found by
comparing the flow of both directions, as in Sundaram, Brox, Keutzer 2010, "Dense Point Trajectories
by GPU-accelerated Large Displacement Optical Flow", equation 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.pixels import Pixels
from nst_rt.video.opencv import opencv

Field = NDArray[np.float32]
"""Displacement of each pixel, H×W×2, x and y in pixels."""
BRIGHTNESS = 20.0
"""Largest difference in levels between a pixel and the one that it comes from."""
SAME = 4
"""Largest difference in levels of an unchanged pixel while the camera stands still."""
EDGE = 32.0
"""Response of the Sobel filter from which a pixel is on an edge."""
SMALLEST = 16
"""Side in pixels below which no flow is computed."""


class FlowBlend:
    """Blends each painting with the previous one, along the motion between their frames.

    Args:
        strength: share of the previous painting, 0…1, where both frames show the same.
    """

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self._cv2 = opencv("blending along the motion")
        self._dis = self._cv2.DISOpticalFlow_create(self._cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def blend(self, frame: Pixels, painting: Pixels, before: Pixels, painted: Pixels) -> Pixels:
        """Return `painting` of `frame`, blended with `painted`, the painting of the frame `before`.

        All are uint8 H×W×3.
        """
        if frame.shape != before.shape or min(frame.shape[:2]) < SMALLEST:
            return painting
        cv2 = self._cv2
        here, there = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (frame, before))
        back, forth = self._dis.calc(here, there, None), self._dis.calc(there, here, None)
        # on a wall, which has no texture to follow, the flow is noise
        if _camera_stands(cv2, here, back):
            same = cv2.absdiff(here, there) <= SAME
            back[same] = forth[same] = 0
        grid = _grid(frame.shape[0], frame.shape[1]) + back
        share = self._strength * _seen_in_both(cv2, here, there, back, forth, grid)
        moved = cv2.remap(painted, grid, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        mixed = painting + (moved.astype(np.float32) - painting) * share[..., None]
        blended: Pixels = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
        return blended


def _camera_stands(cv2: Any, picture: Pixels, flow: Field) -> bool:
    """Return whether half of all edges moved by less than half a pixel."""
    across, down = (cv2.Sobel(picture, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    edges = np.abs(across) + np.abs(down) >= EDGE
    return not edges.any() or float(np.median(_square(flow)[edges])) < 0.25


def _seen_in_both(
    cv2: Any, here: Pixels, there: Pixels, back: Field, forth: Field, grid: Field
) -> Field:
    """Return 1 where a pixel was visible in the previous frame, 0 where not, soft between."""
    height, width = here.shape
    returned = cv2.remap(forth, grid, None, cv2.INTER_LINEAR)
    astray = _square(back + returned)
    agrees = astray <= 0.01 * (_square(back) + _square(returned)) + 0.5
    came_from = cv2.remap(there, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    agrees &= np.abs(here.astype(np.float32) - came_from) <= BRIGHTNESS
    inside = (grid >= 0) & (grid <= (width - 1, height - 1))
    agrees &= inside.all(axis=-1)
    clean = cv2.erode(agrees.astype(np.float32), np.ones((3, 3), np.uint8))
    soft: Field = cv2.GaussianBlur(clean, (5, 5), 0)
    return soft


def _square(field: Field) -> Field:
    total: Field = (field * field).sum(axis=-1)
    return total


def _grid(height: int, width: int) -> Field:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([columns, rows], axis=-1)

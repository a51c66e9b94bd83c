"""Fitting pictures of any size into frames of one size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nst_rt.video.opencv import opencv


def fitted(rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scale uint8 H×W×3 into `height`×`width`, with black bars if the proportions differ."""
    if rgb.shape[:2] == (height, width):
        return rgb
    scale = min(height / rgb.shape[0], width / rgb.shape[1])
    inner = (max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale)))
    scaled = resized(rgb, *inner)
    # a bar of one or two pixels only comes from rounding the working size
    if height - inner[0] <= 2 and width - inner[1] <= 2:
        return resized(rgb, height, width)
    frame = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    frame[top : top + inner[0], left : left + inner[1]] = scaled
    return frame


def resized(rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scale uint8 H×W×3 quickly, without aliasing when it shrinks."""
    if rgb.shape[:2] == (height, width):
        return rgb
    cv2 = opencv()
    smaller = height < rgb.shape[0]
    kernel = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    scaled: NDArray[np.uint8] = cv2.resize(rgb, (width, height), interpolation=kernel)
    return scaled

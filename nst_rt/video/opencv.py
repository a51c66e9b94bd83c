"""Loading OpenCV."""

from __future__ import annotations

import os
from typing import Any

from nst_rt.errors import MissingExtraError

CAMERA_TIMEOUT_S = 2
"""Seconds after which a camera's driver returns without a frame, so that its thread can end."""


def opencv(purpose: str = "live video") -> Any:
    """Load the module `cv2`, silent, and with drivers that return when a camera is gone.

    Args:
        purpose: what needs it, for the message.

    Raises:
        MissingExtraError: it is not installed, or does not load.
    """
    # OpenCV waits 10 s for a frame otherwise, and reads this once, when it is loaded
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(CAMERA_TIMEOUT_S))
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs OpenCV ({error})", cure='pip install "nst-rt[live]"'
        ) from error
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2

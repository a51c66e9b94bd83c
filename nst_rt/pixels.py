"""The type of pictures in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Samples of pictures: RGB as H×W×3, several as N×H×W×3, alpha or gray as H×W."""

"""Two small photos (NASA, public domain) on which exports are calibrated and checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOLDER = Path(__file__).parent


def calibration_photos() -> list[NDArray[np.uint8]]:
    """Return a portrait of 256×256 and a night scene of 320×213 pixels, uint8 H×W×3."""
    return [np.array(Image.open(path).convert("RGB")) for path in sorted(FOLDER.glob("*.png"))]

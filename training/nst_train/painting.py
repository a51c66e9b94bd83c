"""The style painting as a training target."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nst_rt.errors import InputError
from nst_rt.images import lay_on, read_picture

logger = logging.getLogger(__name__)

SHORTEST = 32
"""Two pixels at the fifth block, the least that its reflection padding takes."""


def read_painting(path: Path, *, long_side: int) -> Tensor:
    """Return a painting as 1×3×H×W in [0, 1], its long side resized to `long_side` pixels.

    Strokes in the result are as large as in this resized painting. Transparency is laid on white.
    A very long painting is squeezed, so that its short side keeps pixels for the deepest layers.

    Raises:
        InputError: unreadable, or a side shorter than 16 pixels.
    """
    picture = read_picture(path)
    pixels = picture.rgb
    height, width = pixels.shape[:2]
    if min(height, width) < 16:
        raise InputError(
            f"a painting of {width}x{height} pixels holds no strokes to learn",
            path=path,
            cure="give a picture of at least 16 pixels a side, better 512",
        )
    if picture.alpha is not None:
        logger.warning("%s: transparent parts are laid on white", path)
        pixels = lay_on(pixels, picture.alpha)
    if max(height, width) < long_side:
        logger.warning("%s: %dx%d is enlarged to %d", path, width, height, long_side)
    scale = long_side / max(height, width)
    if min(height, width) * scale < SHORTEST:
        logger.warning("%s: %dx%d is very long and is squeezed", path, width, height)
    size = (max(SHORTEST, round(width * scale)), max(SHORTEST, round(height * scale)))
    resized = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float() / 255

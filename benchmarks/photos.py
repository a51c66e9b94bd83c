"""The twenty photos that quality is measured on, none of them trained on.

They were named before anything was measured: in the content folder ten of different kinds (people,
animals, buildings, food, landscape, an almost flat sea), of BSD100 every tenth by name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from nst_rt.errors import InputError
from nst_rt.images import read_picture

CONTENT = (
    "amber.jpg",
    "chicago.jpg",
    "dogs.jpg",
    "kodim15-face.jpg",
    "stata.jpg",
    "calm-sea.jpg",
    "fruit-basket.jpg",
    "golden-gate.jpg",
    "kodim19-lighthouse.jpg",
    "tubingen.jpg",
)
BSD100 = (
    "101085.jpg",
    "119082.jpg",
    "148026.jpg",
    "170057.jpg",
    "21077.jpg",
    "241048.jpg",
    "299086.jpg",
    "37073.jpg",
    "45096.jpg",
    "76053.jpg",
)


def named_photos(content: Path, bsd100: Path, *, count: int = 20) -> list[Path]:
    """Return the first `count` of the twenty, taken from both folders in turn.

    Raises:
        InputError: one of them is absent.
    """
    pairs = zip(CONTENT, BSD100, strict=True)
    paths = [path for a, b in pairs for path in (content / a, bsd100 / b)][:count]
    for path in paths:
        if not path.is_file():
            raise InputError("one of the named photos is absent", path=path)
    return paths


def fit(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """Return the photo's largest centred part of that shape, resized; uint8 H×W×3 RGB."""
    image = Image.fromarray(read_picture(path).rgb)
    return np.array(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))

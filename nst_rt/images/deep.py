"""Scaling of pictures with more than 8 bits a channel to 8, with rounding.

Pillow keeps only the high byte of 16-bit colours, and clips 16-bit gray at 255.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import InputError
from nst_rt.pixels import Pixels

if TYPE_CHECKING:
    from PIL import Image

_OTHER_BYTE = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
}
"""Raw modes that decode the high byte of a 16-bit number, and those that decode the low one."""


def has_deep_colors(image: Image.Image) -> bool:
    """Return whether an image that is not loaded yet has 16-bit colours in its file."""
    modes = [_raw_mode(tile) for tile in getattr(image, "tile", ())]
    return bool(modes) and all(";16" in mode and mode[0] in "RL" for mode in modes)


def decode_low_bytes(image: Image.Image) -> bool:
    """Set an image that is not loaded yet to decode the low bytes; return False if it cannot."""
    tiles: list[Any] = getattr(image, "tile", [])
    if not all(_raw_mode(tile) in _OTHER_BYTE for tile in tiles):
        return False
    for index, tile in enumerate(tiles):
        mode = _OTHER_BYTE[_raw_mode(tile)]
        arguments = (mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode
        tiles[index] = tile._replace(args=arguments)
    return True


def merge_bytes(high: Image.Image, low: Image.Image) -> Image.Image:
    """Return the 8-bit image nearest to the 16-bit numbers whose bytes two images hold."""
    from PIL import Image

    # (256·high + low) / 257 = high + (low - high) / 257, which rounds to one of three numbers
    result = np.array(high)
    difference = np.asarray(low).astype(np.int16) - result
    result += difference > 128
    result -= difference < -128
    return Image.fromarray(result)


def gray_as_8_bit(image: Image.Image, path: Path | None) -> Image.Image:
    """Convert an image of one deep channel to 8 bits; return any other image as it is.

    Raises:
        InputError: numbers without a known white, or not finite.
    """
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image)
    if image.mode == "F":
        return Image.fromarray(_scaled(_unit(values, path), 1))
    if values.min() < 0 or values.max() > 65535:
        raise InputError(
            f"its numbers reach from {values.min()} to {values.max()}: which one is white?",
            path=path,
            cure="save it with 8 or 16 bits",
        )
    return Image.fromarray(_scaled(values.astype(np.uint32), 65535))


def _unit(values: NDArray[np.float32], path: Path | None) -> NDArray[np.float32]:
    if not np.isfinite(values).all():
        raise InputError("holds NaN or infinite values", path=path, cure="mend them first")
    if values.min() < -1e-3 or values.max() > 1 + 1e-3:
        raise InputError(
            f"its numbers reach from {values.min():g} to {values.max():g}: which one is white?",
            path=path,
            cure="scale it to 0…1, or save it with 8 or 16 bits",
        )
    return np.clip(values, 0, 1)


def _scaled(values: NDArray[Any], white: int) -> Pixels:
    if values.dtype.kind == "f":
        return np.rint(values * (255 / white)).astype(np.uint8)
    return ((values * 255 + white // 2) // white).astype(np.uint8)


def _raw_mode(tile: Any) -> str:
    mode = tile.args[0] if isinstance(tile.args, tuple) else tile.args
    return mode if isinstance(mode, str) else ""

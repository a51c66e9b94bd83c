"""Mixing pictures: painting and photo, transparent parts and a background."""

from __future__ import annotations

import numpy as np

from nst_rt.pixels import Pixels

Rgb = tuple[int, int, int]
WHITE: Rgb = (255, 255, 255)


def lay_on(rgb: Pixels, alpha: Pixels, background: Rgb = WHITE) -> Pixels:
    """Lay H×W×3 of transparency H×W on a background of one colour; the result is opaque."""
    from PIL import Image

    flat = Image.new("RGB", (rgb.shape[1], rgb.shape[0]), background)
    flat.paste(Image.fromarray(rgb), mask=Image.fromarray(alpha))
    return np.array(flat)


def blend(photo: Pixels, painting: Pixels, strength: float) -> Pixels:
    """Blend painting over photo, both uint8 H×W×3; strength 0 is the photo, 1 the painting."""
    from PIL import Image

    mixed = Image.blend(Image.fromarray(photo), Image.fromarray(painting), strength)
    return np.array(mixed)


def keep_color(painting: Pixels, photo: Pixels) -> Pixels:
    """Combine the painting's luminance and the photo's chroma (BT.601), both uint8 H×W×3.

    Source: Gatys, Bethge, Hertzmann, Shechtman 2016, "Preserving Color in Neural Artistic Style
    Transfer" (arXiv 1606.05897), luminance-only transfer.
    """
    from PIL import Image

    luminance = Image.fromarray(painting).convert("YCbCr").getchannel("Y")
    _, blue, red = Image.fromarray(photo).convert("YCbCr").split()
    return np.array(Image.merge("YCbCr", (luminance, blue, red)).convert("RGB"))

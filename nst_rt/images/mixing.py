"""Painting and photo mixed: how strong, and whose colours."""

from __future__ import annotations

import numpy as np

from nst_rt.pixels import Pixels


def blend(photo: Pixels, painting: Pixels, strength: float) -> Pixels:
    """`strength` of the painting over the photo, both uint8 H×W×3; 0 is the photo."""
    from PIL import Image

    mixed = Image.blend(Image.fromarray(photo), Image.fromarray(painting), strength)
    return np.array(mixed)


def keep_color(painting: Pixels, photo: Pixels) -> Pixels:
    """Luminance of the painting, chroma of the photo (BT.601), both uint8 H×W×3.

    Source: Gatys, Bethge, Hertzmann, Shechtman 2016, "Preserving Color in Neural Artistic Style
    Transfer" (arXiv 1606.05897), luminance-only transfer.
    """
    from PIL import Image

    luminance = Image.fromarray(painting).convert("YCbCr").getchannel("Y")
    _, blue, red = Image.fromarray(photo).convert("YCbCr").split()
    return np.array(Image.merge("YCbCr", (luminance, blue, red)).convert("RGB"))

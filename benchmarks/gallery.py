"""Paints the pictures of the documentation.

    python -m benchmarks.gallery --paintings DIR

Every style paints the same photos of `examples/`; its strip shows the painting it was trained on,
the photo, and what became of it. The page that shows the strips is written by
`benchmarks.styles_page`.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageOps

from benchmarks.styles_page import PHOTOS
from nst_rt import Stylizer, zoo

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
HEIGHT = 320
"""Height of a strip in pixels."""


def strip(card: zoo.Card, photo: Path, painting: Path) -> Image.Image:
    """Return painting, photo and painted photo side by side."""
    with Image.open(photo) as opened:
        before = opened.convert("RGB")
    with Stylizer(card.name) as stylizer:
        after = Image.fromarray(stylizer(np.array(before)))
    with Image.open(painting) as opened:
        original = opened.convert("RGB")
    parts = [_at_height(part) for part in (original, before, after)]
    whole = Image.new("RGB", (sum(part.width for part in parts) + 16, HEIGHT), "white")
    left = 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width + 8
    return whole


def _at_height(image: Image.Image) -> Image.Image:
    size = (round(image.width * HEIGHT / image.height), HEIGHT)
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


@click.command()
@click.option("--paintings", type=click.Path(exists=True, path_type=Path), required=True)
def main(paintings: Path) -> None:
    """Paint the strips of all shipped styles."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for card in zoo.cards():
        for photo in PHOTOS:
            source = ROOT / "examples" / "photos" / f"{photo}.jpg"
            picture = strip(card, source, paintings / f"{card.name}.jpg")
            picture.save(PICTURES / f"{card.name}-{photo}.jpg", quality=88)


if __name__ == "__main__":
    main()

"""The pictures of the documentation, and the page of the shipped styles from their cards.

    python -m benchmarks.gallery --paintings DIR

Every style paints the same photos of `examples/`; its strip shows the painting it was trained on,
the photo, and what became of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image, ImageOps

from nst_rt import Stylizer, zoo

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
PAGE = ROOT / "docs" / "styles.md"
PHOTOS = ("parrots", "lighthouse")
HEIGHT = 320
"""Height of a strip in pixels."""


def strip(card: zoo.Card, photo: Path, painting: Path) -> Image.Image:
    """Painting, photo and painted photo side by side."""
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


def page(cards: tuple[zoo.Card, ...]) -> str:
    """The page of the styles, in Markdown."""
    lines = [
        "# The shipped styles",
        "",
        "Written by `python -m benchmarks.gallery` from the cards.",
    ]
    for card in cards:
        lines += ["", f"## {card.title}", "", f"{card.painter}, {card.year}. `--style {card.name}`"]
        for photo in PHOTOS:
            lines += ["", f"![{card.title}, {photo}](pictures/{card.name}-{photo}.jpg)"]
        lines += ["", "| | |", "|---|---|"]
        lines += [f"| {key} | {value} |" for key, value in _rows(card.facts)]
    return "\n".join(lines) + "\n"


def _rows(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """A card's facts as name and text, but for those of the heading."""
    for key, value in table.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from _rows(value, f"{name}, ")
        elif key not in ("title", "painter", "year"):
            yield name, f"`{value}`" if key in ("command", "sha256") else str(value)


@click.command()
@click.option("--paintings", type=click.Path(exists=True, path_type=Path), required=True)
def main(paintings: Path) -> None:
    """Paint the strips and write the page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for card in zoo.cards():
        for photo in PHOTOS:
            source = ROOT / "examples" / "photos" / f"{photo}.jpg"
            picture = strip(card, source, paintings / f"{card.name}.jpg")
            picture.save(PICTURES / f"{card.name}-{photo}.jpg", quality=88)
    PAGE.write_text(page(zoo.cards()), encoding="utf-8")


if __name__ == "__main__":
    main()

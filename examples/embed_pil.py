"""Paint a photo in every shipped style and lay the paintings on one sheet, with Pillow.

python examples/embed_pil.py photo.jpg sheet.jpg
"""

import sys

from PIL import Image, ImageOps

from nst_rt import Stylizer
from nst_rt.zoo import cards

SIDE, GAP = 480, 12


def main(photo: str, sheet: str) -> None:
    with Image.open(photo) as file:
        image = ImageOps.exif_transpose(file).convert("RGB")
    image.thumbnail((SIDE, SIDE))
    paintings = [image]
    for card in cards():
        with Stylizer(card.name) as stylizer:
            paintings.append(stylizer(image))

    width, height = image.size
    step = width + GAP
    page = Image.new("RGB", (step * len(paintings) + GAP, height + 2 * GAP), "white")
    for column, painting in enumerate(paintings):
        page.paste(painting, (GAP + column * step, GAP))
    page.save(sheet)


if __name__ == "__main__":
    main(*sys.argv[1:])
